/* SPDX-License-Identifier: Apache-2.0 */
/* What the module shows: slots that stay, tokens that come and go, objects under names that tell
 * them apart, and every attribute out of memory. */
#include "caller.h"

#include <stdio.h>

static CK_OBJECT_CLASS certificates = CKO_CERTIFICATE, private_keys = CKO_PRIVATE_KEY;

static bool is_present(CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;

    assert_ok(call->C_GetSlotInfo(slot, &info));
    return info.flags & CKF_TOKEN_PRESENT;
}

static void token_label(CK_SLOT_ID slot, char *label)
{
    CK_TOKEN_INFO info;

    assert_ok(call->C_GetTokenInfo(slot, &info));
    assert_int_equal(info.flags & CKF_LOGIN_REQUIRED, 0);
    snprintf(label, 33, "%.32s", info.label);
    for (size_t i = strlen(label); i > 0 && label[i - 1] == ' '; i--)
        label[i - 1] = 0;
}

static void assert_token(CK_SLOT_ID slot, const char *expected)
{
    char label[33];

    token_label(slot, label);
    assert_string_equal(label, expected);
}

static CK_RV wait_for(CK_FLAGS flags, CK_SLOT_ID expected)
{
    CK_SLOT_ID slot = 999;
    CK_RV rv = call->C_WaitForSlotEvent(flags, &slot, NULL);

    if (rv == CKR_OK)
        assert_int_equal(slot, expected);
    return rv;
}

static void test_slots_stay_while_tokens_come_and_go(void **state)
{
    CK_SESSION_HANDLE session;
    CK_ULONG n = 0;

    (void)state;
    assert_ok(call->C_GetSlotList(CK_FALSE, NULL, &n));
    assert_true(n > 1);
    assert_int_equal(wait_for(CKF_DONT_BLOCK, 0), CKR_NO_EVENT);
    cabinet_put(&cabinet, 1, "second");
    assert_ok(wait_for(0, 1));
    assert_token(1, "second");
    cabinet_put(&cabinet, 0, NULL);
    assert_ok(wait_for(0, 0));
    assert_false(is_present(0));
    assert_int_equal(
        call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_PRESENT);
    assert_token(1, "second");
    cabinet_put(&cabinet, 2, "third");
    assert_ok(wait_for(0, 2));
    cabinet_put(&cabinet, 0, "corp");
    assert_ok(wait_for(0, 0)); /* where it was before */
    assert_true(is_present(0) && is_present(1) && is_present(2));
    assert_token(0, "corp");
    assert_int_equal(wait_for(CKF_DONT_BLOCK, 0), CKR_NO_EVENT);
}

/* So that a browser says that it could not sign, and tries again when the token is back. */
static void test_a_session_outlives_its_token_until_another_comes(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, "ec");
    CK_SESSION_INFO info;

    (void)state;
    cabinet_put(&cabinet, 0, NULL);
    assert_false(is_present(0));
    assert_ok(call->C_GetSessionInfo(session, &info));
    assert_int_equal(caller_find(session, CKO_PRIVATE_KEY, "ec"), key);
    cabinet_put(&cabinet, 0, "corp");
    assert_true(is_present(0));
    assert_int_equal(caller_find(session, CKO_PRIVATE_KEY, "ec"), key);
    cabinet_put(&cabinet, 0, NULL);
    assert_false(is_present(0));
    for (size_t i = 1; i < CABINET_TOKENS; i++)
        cabinet_put(&cabinet, i, "others"); /* more than there are empty slots */
    assert_true(is_present(0));
    assert_int_equal(call->C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
}

static void test_there_is_always_an_empty_slot(void **state)
{
    CK_SLOT_ID slots[32];
    CK_ULONG n = 32;

    (void)state;
    for (size_t i = 1; i < CABINET_TOKENS; i++)
        cabinet_put(&cabinet, i, "same");
    assert_ok(call->C_GetSlotList(CK_TRUE, NULL, &n));
    assert_int_equal(n, CABINET_TOKENS);
    n = 3;
    assert_int_equal(call->C_GetSlotList(CK_TRUE, slots, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, CABINET_TOKENS);
    n = 32;
    assert_ok(call->C_GetSlotList(CK_FALSE, slots, &n));
    assert_int_equal(n, CABINET_TOKENS + 1);
    assert_false(is_present(slots[n - 1]));
}

static void test_tokens_can_be_told_apart(void **state)
{
    static const char long_label[] = "a label of 32 bytes, ends \xc3\xa9\xc3\xa9\xc3\xa9";
    static const char *const expected[] = {"corp-card", "same", "same (2)", "Oak", long_label,
        "a label of 32 bytes, ends \xc3\xa9 (2)", "a?b?"};

    (void)state;
    cabinet_put(&cabinet, 0, "corp:card");
    cabinet_put(&cabinet, 1, "same");
    cabinet_put(&cabinet, 2, "same");
    cabinet_put(&cabinet, 3, "");
    cabinet_put(&cabinet, 4, long_label);
    cabinet_put(&cabinet, 5, long_label);
    cabinet_put(&cabinet, 6, "a\nb\xff");
    for (CK_SLOT_ID slot = 0; slot < 7; slot++)
        assert_token(slot, expected[slot]);
}

/* Labels, one behind the other; how many there were. */
static size_t labels(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, char found[][64])
{
    CK_ATTRIBUTE template = ATTRIBUTE(CKA_CLASS, class);
    CK_OBJECT_HANDLE objects[64];
    CK_ULONG n;

    assert_ok(call->C_FindObjectsInit(session, &template, 1));
    assert_ok(call->C_FindObjects(session, objects, 64, &n));
    assert_ok(call->C_FindObjectsFinal(session));
    for (size_t i = 0; i < n; i++) {
        CK_ATTRIBUTE label = {CKA_LABEL, found[i], 63};

        assert_ok(call->C_GetAttributeValue(session, objects[i], &label, 1));
        found[i][label.ulValueLen] = 0;
    }
    return n;
}

static void assert_different(char found[][64], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(found[i][0]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(found[i], found[j]);
    }
}

static void test_certificates_can_be_told_apart(void **state)
{
    static const char *const wanted[] = {"same", "", "a:b", "\xff\xfe", "x (2)"};
    char found[64][64];

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        CK_SESSION_HANDLE session;

        cabinet.label = wanted[i];
        cabinet_put(&cabinet, 0, "corp");
        session = caller_session();
        assert_int_equal(labels(session, CKO_CERTIFICATE, found), KEYRING_MAX);
        assert_different(found, KEYRING_MAX);
        assert_int_equal(labels(session, CKO_PRIVATE_KEY, found), KEYRING_MAX);
        assert_different(found, KEYRING_MAX);
    }
}

/* NSS and Java find the key of a certificate by its CKA_ID. */
static void test_no_two_keys_have_one_id(void **state)
{
    static const char *const wanted[] = {"same", "", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        CK_ATTRIBUTE template = ATTRIBUTE(CKA_CLASS, certificates);
        CK_OBJECT_HANDLE objects[16];
        CK_SESSION_HANDLE session;
        CK_ULONG n;

        cabinet.cka_id = wanted[i];
        cabinet_put(&cabinet, 0, "corp");
        session = caller_session();
        assert_ok(call->C_FindObjectsInit(session, &template, 1));
        assert_ok(call->C_FindObjects(session, objects, 16, &n));
        assert_ok(call->C_FindObjectsFinal(session));
        assert_int_equal(n, KEYRING_MAX);
        for (size_t j = 0; j < n; j++) {
            uint8_t id[64];
            CK_ATTRIBUTE asked = {CKA_ID, id, sizeof(id)};
            CK_ATTRIBUTE key[] = {ATTRIBUTE(CKA_CLASS, private_keys), {CKA_ID, id, 0}};

            assert_ok(call->C_GetAttributeValue(session, objects[j], &asked, 1));
            key[1].ulValueLen = asked.ulValueLen;
            assert_true(asked.ulValueLen > 0);
            assert_int_equal(caller_count(session, key, 2), 1);
        }
    }
}

static void test_members_of_chains_are_shown(void **state)
{
    struct keyring_entry *entry = keyring_find(&cabinet.keyring, "rsa");
    CK_SESSION_HANDLE session;
    CK_ULONG category = 9;
    CK_BYTE id[8];
    CK_ATTRIBUTE asked[] = {ATTRIBUTE(CKA_CERTIFICATE_CATEGORY, category), ATTRIBUTE(CKA_ID, id)};

    (void)state;
    cabinet.plain = entry->der;
    cabinet.plain_len = entry->der_len;
    cabinet_put(&cabinet, 0, "corp");
    session = caller_session();
    assert_ok(
        call->C_GetAttributeValue(session, caller_find(session, CKO_CERTIFICATE, "ca"), asked, 2));
    assert_int_equal(category, 0);
    assert_int_equal(asked[1].ulValueLen, 2);
    cabinet.cka_id = "ca"; /* what looks like a key's is nobody's */
    cabinet_put(&cabinet, 0, "corp");
    asked[1].ulValueLen = sizeof(id);
    assert_ok(
        call->C_GetAttributeValue(session, caller_find(session, CKO_CERTIFICATE, "ca"), asked, 2));
    assert_int_equal(asked[1].ulValueLen, 0);
}

static void test_handles_outlive_changes(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, "ec");
    CK_OBJECT_HANDLE certificate = caller_find(session, CKO_CERTIFICATE, "ec");

    (void)state;
    for (size_t i = 1; i < CABINET_TOKENS; i++) {
        cabinet_put(&cabinet, i, "more");
        assert_int_equal(caller_find(session, CKO_PRIVATE_KEY, "ec"), key);
        assert_int_equal(caller_find(session, CKO_CERTIFICATE, "ec"), certificate);
    }
}

static void test_pages_make_one_picture(void **state)
{
    CK_SESSION_HANDLE session;

    (void)state;
    cabinet.page = 3;
    cabinet.copies = 20;
    cabinet_put(&cabinet, 1, "second");
    assert_ok(call->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
    assert_int_equal(caller_count(session, NULL, 0), 3 * 20 * KEYRING_MAX + 1);
}

/* What is asked for all the time costs the agent nothing. */
static void test_looking_asks_nobody(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE certificate = caller_find(session, CKO_CERTIFICATE, "rsa");
    CK_OBJECT_CLASS trust = 0xce534353, found;
    CK_BYTE value[4096];
    CK_ATTRIBUTE search = ATTRIBUTE(CKA_CLASS, trust);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        CK_ATTRIBUTE asked[] = {ATTRIBUTE(CKA_CLASS, found), ATTRIBUTE(CKA_VALUE, value)};

        assert_ok(call->C_GetAttributeValue(session, certificate, asked, 2));
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(caller_count(session, &search, 1), 0);
    cabinet_mention(&cabinet); /* a signature by somebody */
    for (int i = 0; i < 1000; i++)
        assert_token(0, "corp");
    assert_int_equal(caller_asked(), 0);
}

static const CK_ATTRIBUTE_TYPE asked_for[] = {CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL,
    CKA_KEY_TYPE, CKA_ID, CKA_SUBJECT, CKA_SENSITIVE, CKA_SIGN, CKA_EXTRACTABLE,
    CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_ALWAYS_AUTHENTICATE, CKA_MODIFIABLE, CKA_LOCAL,
    CKA_ALLOWED_MECHANISMS, CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE};

static void test_private_keys_tell_and_keep(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE rsa = caller_find(session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE ec = caller_find(session, CKO_PRIVATE_KEY, "ec");
    CK_BBOOL sensitive = 9, extractable = 9, always = 9;
    CK_BYTE bytes[1024];
    CK_ATTRIBUTE truths[] = {ATTRIBUTE(CKA_SENSITIVE, sensitive),
        ATTRIBUTE(CKA_EXTRACTABLE, extractable), ATTRIBUTE(CKA_ALWAYS_AUTHENTICATE, always)};
    CK_ATTRIBUTE mixed[] = {ATTRIBUTE(CKA_PRIME_1, bytes), ATTRIBUTE(CKA_MODULUS, bytes)};
    CK_ATTRIBUTE value = ATTRIBUTE(CKA_VALUE, bytes);

    (void)state;
    for (size_t i = 0; i < sizeof(asked_for) / sizeof(asked_for[0]); i++) {
        CK_ATTRIBUTE one = {asked_for[i], bytes, sizeof(bytes)};

        assert_ok(call->C_GetAttributeValue(session, rsa, &one, 1));
        assert_ok(
            call->C_GetAttributeValue(session, ec, &(CK_ATTRIBUTE){asked_for[i], NULL, 0}, 1));
    }
    assert_ok(call->C_GetAttributeValue(session, ec, truths, 3));
    assert_true(sensitive == CK_TRUE && extractable == CK_FALSE && always == CK_FALSE);
    assert_int_equal(call->C_GetAttributeValue(session, rsa, mixed, 2), CKR_ATTRIBUTE_SENSITIVE);
    assert_int_equal(mixed[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(mixed[1].ulValueLen, 256);
    assert_int_equal(call->C_GetAttributeValue(session, ec, &value, 1), CKR_ATTRIBUTE_SENSITIVE);
    value = (CK_ATTRIBUTE)ATTRIBUTE(CKA_VALUE, bytes);
    assert_int_equal(
        call->C_GetAttributeValue(session, rsa, &value, 1), CKR_ATTRIBUTE_TYPE_INVALID);
}

static void test_sizes_come_first(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE certificate = caller_find(session, CKO_CERTIFICATE, "ec");
    struct keyring_entry *entry = keyring_find(&cabinet.keyring, "ec");
    CK_BYTE bytes[4096] = {0}, serial[8];
    CK_ATTRIBUTE asked[] = {{CKA_VALUE, NULL, 0}, {CKA_SERIAL_NUMBER, serial, 2},
        {CKA_MODULUS, bytes, 4}, {CKA_LABEL, bytes, sizeof(bytes)}};

    (void)state;
    assert_int_not_equal(call->C_GetAttributeValue(session, certificate, asked, 4), CKR_OK);
    assert_int_equal(asked[0].ulValueLen, entry->der_len);
    assert_int_equal(asked[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(asked[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(asked[3].ulValueLen, 2);
    asked[0].pValue = bytes;
    assert_ok(call->C_GetAttributeValue(session, certificate, asked, 1));
    assert_memory_equal(bytes, entry->der, entry->der_len);
    asked[0].ulValueLen--;
    assert_int_equal(
        call->C_GetAttributeValue(session, certificate, asked, 1), CKR_BUFFER_TOO_SMALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, caller_initialize, caller_unload)
        TEST(test_slots_stay_while_tokens_come_and_go),
        TEST(test_a_session_outlives_its_token_until_another_comes),
        TEST(test_there_is_always_an_empty_slot),
        TEST(test_tokens_can_be_told_apart),
        TEST(test_certificates_can_be_told_apart),
        TEST(test_no_two_keys_have_one_id),
        TEST(test_members_of_chains_are_shown),
        TEST(test_handles_outlive_changes),
        TEST(test_pages_make_one_picture),
        TEST(test_looking_asks_nobody),
        TEST(test_private_keys_tell_and_keep),
        TEST(test_sizes_come_first),
    };

    return cmocka_run_group_tests_name(
        "pkcs11-see", tests, caller_start_cabinet, caller_stop_cabinet);
}
