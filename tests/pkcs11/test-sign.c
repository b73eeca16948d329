/* SPDX-License-Identifier: Apache-2.0 */
/* Signing through the module: every mechanism, in one part and in several, with one question to the
 * agent, which gets the message wherever the program has given it. */
#include "caller.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <openssl/rsa.h>
#include <openssl/sha.h>

static CK_RSA_PKCS_PSS_PARAMS pss[] = {
    {CKM_SHA256, CKG_MGF1_SHA256, 32},
    {CKM_SHA384, CKG_MGF1_SHA384, 48},
    {CKM_SHA512, CKG_MGF1_SHA512, 64},
};

#define PSS(n) &pss[n], sizeof(pss[n])

/* digest: what verifies it, NULL: the key's own. */
static const struct combined {
    const char *key;
    CK_MECHANISM mechanism;
    const char *digest;
    int scheme;
} combined[] = {
    {"ec", {CKM_ECDSA_SHA256, NULL, 0}, "SHA256", 0x0403},
    {"ec", {CKM_ECDSA_SHA384, NULL, 0}, "SHA384", 0x0503},
    {"ec384", {CKM_ECDSA_SHA384, NULL, 0}, "SHA384", 0x0503},
    {"ec521", {CKM_ECDSA_SHA512, NULL, 0}, "SHA512", 0x0603},
    {"rsa", {CKM_SHA256_RSA_PKCS, NULL, 0}, "SHA256", 0x0401},
    {"rsa", {CKM_SHA384_RSA_PKCS, NULL, 0}, "SHA384", 0x0501},
    {"rsa", {CKM_SHA512_RSA_PKCS, NULL, 0}, "SHA512", 0x0601},
    {"rsa", {CKM_SHA256_RSA_PKCS_PSS, PSS(0)}, "SHA256", 0x0804},
    {"rsa", {CKM_SHA384_RSA_PKCS_PSS, PSS(1)}, "SHA384", 0x0805},
    {"rsa", {CKM_SHA512_RSA_PKCS_PSS, PSS(2)}, "SHA512", 0x0806},
    {"rsa-pss", {CKM_SHA256_RSA_PKCS_PSS, PSS(0)}, "SHA256", 0x0809},
    {"ed25519", {CKM_EDDSA, NULL, 0}, NULL, 0x0807},
    {"ed448", {CKM_EDDSA, NULL, 0}, NULL, 0x0808},
};

static CK_BYTE message[] = "                                TLS 1.3, client CertificateVerify";

/* r and s behind one another become what OpenSSL verifies. */
static CK_ULONG to_der(CK_BYTE *signature, CK_ULONG len)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    uint8_t *at = signature;
    int n;

    ECDSA_SIG_set0(sig, BN_bin2bn(signature, (int)len / 2, NULL),
        BN_bin2bn(signature + len / 2, (int)len / 2, NULL));
    n = i2d_ECDSA_SIG(sig, &at);
    ECDSA_SIG_free(sig);
    return (CK_ULONG)n;
}

static void verify(const char *name, const char *digest, bool is_pss, const void *data, size_t size,
    CK_BYTE *signature, CK_ULONG len)
{
    struct keyring_entry *entry = keyring_find(&cabinet.keyring, name);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key;

    assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &key, digest, NULL, NULL, entry->key, NULL), 1);
    if (is_pss)
        assert_true(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) > 0 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) > 0);
    if (entry->type == CS_KEY_EC)
        len = to_der(signature, len);
    assert_int_equal(EVP_DigestVerify(ctx, signature, len, data, size), 1);
    EVP_MD_CTX_free(ctx);
}

static CK_OBJECT_HANDLE key_of(CK_SESSION_HANDLE session, const char *name)
{
    CK_OBJECT_HANDLE key = caller_find(session, CKO_PRIVATE_KEY, name);

    caller_asked();
    return key;
}

static void check_asked(const struct combined *row)
{
    assert_int_equal(caller_asked(), 1);
    assert_int_equal(cabinet.keyring.last_input, CS_INPUT_MESSAGE);
    assert_int_equal(cabinet.keyring.last_scheme, row->scheme);
}

static void test_messages_in_one_part(void **state)
{
    CK_SESSION_HANDLE session = caller_session();

    (void)state;
    for (size_t i = 0; i < sizeof(combined) / sizeof(combined[0]); i++) {
        const struct combined *row = &combined[i];
        CK_MECHANISM mechanism = row->mechanism;
        CK_OBJECT_HANDLE key = key_of(session, row->key);
        CK_BYTE signature[1024];
        CK_ULONG needed = 0, len;

        assert_ok(call->C_SignInit(session, &mechanism, key));
        assert_ok(call->C_Sign(session, message, sizeof(message), NULL, &needed));
        len = needed - 1;
        assert_int_equal(
            call->C_Sign(session, message, sizeof(message), signature, &len), CKR_BUFFER_TOO_SMALL);
        assert_int_equal(len, needed);
        assert_int_equal(caller_asked(), 0);
        assert_ok(call->C_Sign(session, message, sizeof(message), signature, &len));
        assert_int_equal(len, needed);
        check_asked(row);
        verify(row->key, row->digest, mechanism.ulParameterLen > 0, message, sizeof(message),
            signature, len);
        assert_int_equal(call->C_Sign(session, message, sizeof(message), signature, &len),
            CKR_OPERATION_NOT_INITIALIZED);
    }
}

static void test_messages_in_several_parts(void **state)
{
    CK_SESSION_HANDLE session = caller_session();

    (void)state;
    for (size_t i = 0; i < sizeof(combined) / sizeof(combined[0]); i++) {
        const struct combined *row = &combined[i];
        CK_MECHANISM mechanism = row->mechanism;
        CK_OBJECT_HANDLE key = key_of(session, row->key);
        CK_BYTE signature[1024];
        CK_ULONG len = 0;

        assert_ok(call->C_SignInit(session, &mechanism, key));
        assert_ok(call->C_SignUpdate(session, message, 32));
        assert_ok(call->C_SignUpdate(session, NULL, 0));
        assert_ok(call->C_SignUpdate(session, message + 32, sizeof(message) - 32));
        assert_ok(call->C_SignFinal(session, NULL, &len));
        assert_int_equal(caller_asked(), 0);
        assert_ok(call->C_SignFinal(session, signature, &len));
        check_asked(row);
        verify(row->key, row->digest, mechanism.ulParameterLen > 0, message, sizeof(message),
            signature, len);
    }
}

/* Longer than a frame of the protocol: hashed on the way. */
static void test_a_message_without_end(void **state)
{
    const size_t size = 3000000;
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = key_of(session, "ec"), ed = key_of(session, "ed25519");
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0}, eddsa = {CKM_EDDSA, NULL, 0};
    CK_BYTE *data = calloc(1, size), signature[128];
    CK_ULONG len = sizeof(signature);

    (void)state;
    data[size - 1] = 'x';
    assert_ok(call->C_SignInit(session, &mechanism, key));
    for (size_t at = 0; at < size; at += 100000)
        assert_ok(call->C_SignUpdate(session, data + at, 100000));
    assert_ok(call->C_SignFinal(session, signature, &len));
    verify("ec", "SHA256", false, data, size, signature, len);
    assert_int_equal(cabinet.keyring.last_input, CS_INPUT_DIGEST);
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_ok(call->C_Sign(session, data, size, signature, &len));
    verify("ec", "SHA256", false, data, size, signature, len);
    assert_ok(call->C_SignInit(session, &eddsa, ed)); /* signs no digest */
    assert_int_equal(call->C_Sign(session, data, size, signature, &len), CKR_DATA_LEN_RANGE);
    free(data);
}

static void sign_digest(CK_SESSION_HANDLE session, const char *name, CK_MECHANISM mechanism,
    const char *digest, CK_BYTE *data, CK_ULONG size, int scheme)
{
    CK_OBJECT_HANDLE key = key_of(session, name);
    CK_BYTE signature[1024];
    CK_ULONG len = sizeof(signature);

    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_ok(call->C_Sign(session, data, size, signature, &len));
    assert_int_equal(caller_asked(), 1);
    assert_int_equal(cabinet.keyring.last_input, CS_INPUT_DIGEST);
    assert_int_equal(cabinet.keyring.last_scheme, scheme);
    verify(name, digest, mechanism.ulParameterLen > 0, message, sizeof(message), signature, len);
}

static void test_digests(void **state)
{
    CK_BYTE info[19 + 32] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
        0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    CK_BYTE info512[19 + 64] = {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
        0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40};
    CK_BYTE sha256[32], sha384[48];
    CK_SESSION_HANDLE session = caller_session();

    (void)state;
    SHA256(message, sizeof(message), sha256);
    SHA384(message, sizeof(message), sha384);
    memcpy(info + 19, sha256, 32);
    SHA512(message, sizeof(message), info512 + 19);
    sign_digest(session, "ec", (CK_MECHANISM){CKM_ECDSA, NULL, 0}, "SHA256", sha256, 32, 0x0403);
    sign_digest(session, "ec", (CK_MECHANISM){CKM_ECDSA, NULL, 0}, "SHA384", sha384, 48, 0x0503);
    sign_digest(session, "rsa", (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0}, "SHA256", info, sizeof(info),
        0x0401);
    sign_digest(session, "rsa", (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0}, "SHA512", info512,
        sizeof(info512), 0x0601);
    sign_digest(
        session, "rsa", (CK_MECHANISM){CKM_RSA_PKCS_PSS, PSS(1)}, "SHA384", sha384, 48, 0x0805);
}

static CK_RV try_data(const char *name, CK_MECHANISM mechanism, CK_BYTE *data, CK_ULONG size)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = key_of(session, name);
    CK_BYTE signature[1024];
    CK_ULONG len = sizeof(signature);
    CK_RV rv = call->C_SignInit(session, &mechanism, key);

    if (rv == CKR_OK)
        rv = call->C_Sign(session, data, size, signature, &len);
    assert_int_equal(caller_asked(), 0);
    assert_ok(call->C_CloseSession(session));
    return rv;
}

static CK_RV try_sign(
    const char *name, CK_MECHANISM_TYPE type, void *params, CK_ULONG params_len, CK_ULONG size)
{
    CK_BYTE data[512] = {0};

    return try_data(name, (CK_MECHANISM){type, params, params_len}, data, size);
}

/* One octet too few, too many, or another one. */
static void test_near_misses_of_a_digest_info(void **state)
{
    const CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE info[19 + 33] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
        0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

    (void)state;
    assert_int_equal(try_data("rsa", mechanism, info, 19), CKR_DATA_INVALID);
    assert_int_equal(try_data("rsa", mechanism, info, 19 + 31), CKR_DATA_INVALID);
    assert_int_equal(try_data("rsa", mechanism, info, 19 + 33), CKR_DATA_INVALID);
    for (size_t i = 0; i < 19; i++) {
        info[i] ^= 0x10;
        assert_int_equal(try_data("rsa", mechanism, info, 19 + 32), CKR_DATA_INVALID);
        info[i] ^= 0x10;
    }
}

static void test_what_is_no_digest_is_refused_here(void **state)
{
    CK_RSA_PKCS_PSS_PARAMS short_salt = {CKM_SHA256, CKG_MGF1_SHA256, 20};
    CK_RSA_PKCS_PSS_PARAMS other_mgf = {CKM_SHA256, CKG_MGF1_SHA1, 32};
    CK_RSA_PKCS_PSS_PARAMS sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, 20};

    (void)state;
    assert_int_equal(try_sign("ec", CKM_ECDSA, NULL, 0, 20), CKR_DATA_LEN_RANGE);
    assert_int_equal(try_sign("ec", CKM_ECDSA, NULL, 0, 0), CKR_DATA_LEN_RANGE);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS, NULL, 0, 36), CKR_DATA_INVALID);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS, NULL, 0, 51), CKR_DATA_INVALID);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS, NULL, 0, 300), CKR_DATA_LEN_RANGE);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS_PSS, PSS(0), 48), CKR_DATA_LEN_RANGE);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS_PSS, NULL, 0, 32), CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(
        try_sign("rsa", CKM_RSA_PKCS_PSS, &pss[0], 8, 32), CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS_PSS, &short_salt, sizeof(sha1), 32),
        CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(try_sign("rsa", CKM_RSA_PKCS_PSS, &other_mgf, sizeof(sha1), 32),
        CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(
        try_sign("rsa", CKM_RSA_PKCS_PSS, &sha1, sizeof(sha1), 20), CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(
        try_sign("rsa", CKM_SHA256_RSA_PKCS_PSS, PSS(1), 32), CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(try_sign("ec", CKM_ECDSA_SHA256, &pss[0], 8, 32), CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(try_sign("ec", CKM_RSA_PKCS, NULL, 0, 32), CKR_KEY_TYPE_INCONSISTENT);
    assert_int_equal(try_sign("rsa", CKM_EDDSA, NULL, 0, 32), CKR_KEY_TYPE_INCONSISTENT);
    assert_int_equal(
        try_sign("rsa-pss", CKM_RSA_PKCS, NULL, 0, 51), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_int_equal(try_sign("rsa", CKM_SHA_1, NULL, 0, 32), CKR_MECHANISM_INVALID);
    assert_int_equal(try_sign("rsa", CKM_SHA256, NULL, 0, 32), CKR_MECHANISM_INVALID);
    assert_int_equal(try_sign("rsa", CKM_SHA1_RSA_PKCS, NULL, 0, 32), CKR_MECHANISM_INVALID);
}

static void test_refusals_are_the_catalogues(void **state)
{
    CK_SESSION_HANDLE session = caller_session();
    CK_OBJECT_HANDLE key = key_of(session, "ec");
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_BYTE signature[64];
    CK_ULONG len = sizeof(signature);

    (void)state;
    cabinet.keyring.locked = true;
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_int_equal(call->C_Sign(session, message, sizeof(message), signature, &len),
        cs_error_ckr(CS_ERR_LOCKED));
    cabinet.keyring.locked = false;
    assert_ok(call->C_SignInit(session, &mechanism, key));
    assert_ok(call->C_Sign(session, message, sizeof(message), signature, &len));
}

/* An agent may say what it will: as many octets as no signature of these keys has. */
static bool sign_with_noise(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    static const uint8_t noise[100];
    CS_AUTO(cs_buf_deinit) struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX);

    (void)agent;
    cs_msg_signed_put(&body, &(struct cs_msg_signed){.signature = CS_BYTES(noise, sizeof(noise))});
    return fake_reply(fd, frame, cs_buf_bytes(&body));
}

static void test_what_is_no_signature_is_not_handed_on(void **state)
{
    static const char *const keys[] = {"ec", "rsa", "ed25519"};
    CK_MECHANISM mechanisms[] = {
        {CKM_ECDSA_SHA256, NULL, 0}, {CKM_SHA256_RSA_PKCS, NULL, 0}, {CKM_EDDSA, NULL, 0}};
    CK_SESSION_HANDLE session = caller_session();
    fake_handler honest = cabinet.sign;

    (void)state;
    cabinet.sign = sign_with_noise;
    for (size_t i = 0; i < 3; i++) {
        CK_BYTE signature[1024];
        CK_ULONG len = sizeof(signature);

        assert_ok(call->C_SignInit(session, &mechanisms[i], key_of(session, keys[i])));
        assert_int_not_equal(
            call->C_Sign(session, message, sizeof(message), signature, &len), CKR_OK);
    }
    cabinet.sign = honest;
}

static void test_digests_are_made_here(void **state)
{
    CK_MECHANISM mechanism = {CKM_SHA384, NULL, 0};
    CK_SESSION_HANDLE session = caller_session();
    CK_BYTE ours[64], theirs[64];
    CK_ULONG len = 1;

    (void)state;
    caller_asked();
    SHA384(message, sizeof(message), theirs);
    mechanism.ulParameterLen = 1;
    assert_int_equal(call->C_DigestInit(session, &mechanism), CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen = 0;
    assert_ok(call->C_DigestInit(session, &mechanism));
    assert_int_equal(call->C_DigestInit(session, &mechanism), CKR_OPERATION_ACTIVE);
    assert_int_equal(
        call->C_Digest(session, message, sizeof(message), ours, &len), CKR_BUFFER_TOO_SMALL);
    assert_ok(call->C_Digest(session, message, sizeof(message), ours, &len));
    assert_int_equal(len, 48);
    assert_memory_equal(ours, theirs, 48);
    assert_ok(call->C_DigestInit(session, &mechanism));
    assert_ok(call->C_DigestUpdate(session, message, 10));
    assert_ok(call->C_DigestUpdate(session, message + 10, sizeof(message) - 10));
    assert_ok(call->C_DigestFinal(session, NULL, &len));
    assert_ok(call->C_DigestFinal(session, ours, &len));
    assert_memory_equal(ours, theirs, 48);
    assert_int_equal(call->C_DigestFinal(session, ours, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(caller_asked(), 0);
}

/* Java makes the transcript hash of a handshake so. */
static void test_a_digest_is_copied_by_its_state(void **state)
{
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0}, signs = {CKM_ECDSA, NULL, 0};
    CK_SESSION_HANDLE session = caller_session(), copy = caller_session();
    CK_BYTE saved[512], ours[32], theirs[32];
    CK_ULONG len = 0, size = sizeof(saved), digest_len = sizeof(ours);

    (void)state;
    assert_int_equal(
        call->C_GetOperationState(session, saved, &size), CKR_OPERATION_NOT_INITIALIZED);
    assert_ok(call->C_DigestInit(session, &mechanism));
    assert_ok(call->C_DigestUpdate(session, message, 10));
    assert_ok(call->C_GetOperationState(session, NULL, &len));
    size = len - 1;
    assert_int_equal(call->C_GetOperationState(session, saved, &size), CKR_BUFFER_TOO_SMALL);
    assert_ok(call->C_GetOperationState(session, saved, &size));
    assert_int_equal(
        call->C_SetOperationState(copy, saved, size - 1, 0, 0), CKR_SAVED_STATE_INVALID);
    assert_true(size < sizeof(saved));
    assert_int_equal(
        call->C_SetOperationState(copy, saved, size + 1, 0, 0), CKR_SAVED_STATE_INVALID);
    assert_int_equal(call->C_SetOperationState(copy, saved, size, 0, 1), CKR_KEY_NOT_NEEDED);
    assert_ok(call->C_SetOperationState(copy, saved, size, 0, 0));
    assert_ok(call->C_DigestUpdate(session, message, 1)); /* is nothing to the copy */
    assert_ok(call->C_DigestUpdate(copy, message + 10, sizeof(message) - 10));
    assert_ok(call->C_DigestFinal(copy, ours, &digest_len));
    SHA256(message, sizeof(message), theirs);
    assert_memory_equal(ours, theirs, sizeof(ours));

    memset(saved, 0xff, size);
    assert_int_equal(call->C_SetOperationState(copy, saved, size, 0, 0), CKR_SAVED_STATE_INVALID);
    assert_ok(call->C_SignInit(copy, &signs, key_of(copy, "ec")));
    assert_int_equal(call->C_GetOperationState(copy, saved, &size), CKR_STATE_UNSAVEABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, caller_initialize, caller_unload)
        TEST(test_messages_in_one_part),
        TEST(test_messages_in_several_parts),
        TEST(test_a_message_without_end),
        TEST(test_digests),
        TEST(test_near_misses_of_a_digest_info),
        TEST(test_what_is_no_digest_is_refused_here),
        TEST(test_refusals_are_the_catalogues),
        TEST(test_what_is_no_signature_is_not_handed_on),
        TEST(test_digests_are_made_here),
        TEST(test_a_digest_is_copied_by_its_state),
    };

    return cmocka_run_group_tests_name(
        "pkcs11-sign", tests, caller_start_cabinet, caller_stop_cabinet);
}
