/* SPDX-License-Identifier: Apache-2.0 */
/* The countersign program against an agent that is told what to say: what people and programs
 * read, and the exit statuses. COUNTERSIGN_CLI is the program. */
#include "base/consent-message.h"
#include "base/error.h"
#include "base/pem.h"
#include "cli/cli.h"
#include "fake-agent.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define DAY (24 * 3600)
#define URI "pkcs11:token=corp;serial=0001;object=alice;id=%01;type=private"

struct fixture {
    struct fake_agent agent;
    struct cs_buf certificate, chain; /* DER; a list of two */
    bool with_certificate, with_tokens, with_error;
    int error;                /* instead of any answer */
    const char *policy_error; /* NULL: an agent that knows no rules */
    bool lacking;             /* because of that error nothing is in force */
    uint8_t verdict;
    uint32_t flags; /* of the token */
    bool nothing;   /* is to be unlocked or locked */
    char pin[16];
    bool forced;
    time_t now; /* when the test began: no later second than the program's own */
    /* of the last run */
    char *out, *err;
    int status;
};

static void make_certificate(struct cs_buf *der, const char *name, long days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    X509_NAME *subject = X509_NAME_new();
    X509_EXTENSION *usage =
        X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, (char *)(uintptr_t) "clientAuth");
    uint8_t *data = NULL;
    int len;

    ASN1_INTEGER_set(X509_get_serialNumber(x509), 0x4a3b);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *)"Example", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0);
    X509_set_version(x509, X509_VERSION_3);
    X509_set_subject_name(x509, subject);
    X509_set_issuer_name(x509, subject);
    X509_gmtime_adj(X509_getm_notBefore(x509), -90 * DAY);
    X509_gmtime_adj(X509_getm_notAfter(x509), days * DAY + 3600);
    X509_set_pubkey(x509, key);
    X509_add_ext(x509, usage, -1);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    len = i2d_X509(x509, &data);
    cs_buf_put(der, data, (size_t)len);
    OPENSSL_free(data);
    X509_EXTENSION_free(usage);
    X509_NAME_free(subject);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void put_identity(struct fixture *f, struct cs_buf *buf, uint8_t first)
{
    struct cs_buf list = CS_BUF_INIT(65536);
    uint8_t id[CS_ID_SIZE] = {first, 0xbb, 0xcc, 0xdd, 0xee};

    cs_buf_put_bytes(&list, cs_buf_bytes(&f->certificate));
    cs_msg_identity_put(
        buf, &(struct cs_msg_identity){
                 .id = CS_BYTES(id, sizeof(id)),
                 .uri = cs_bytes_of(URI),
                 .token = cs_bytes_of("pkcs11:token=corp;serial=0001"),
                 .label = CS_BYTES("ali\x1b[2Jce\xff", 10),
                 .cka_id = CS_BYTES("\1", 1),
                 .key_type = CS_KEY_EC,
                 .bits = 256,
                 .group = cs_bytes_of("prime256v1"),
                 .spki = cs_bytes_of("0\x04spki"),
                 .schemes = CS_BYTES("\4\3\5\3\x99\x99", 6),
                 .n_certificates = f->with_certificate,
                 .certificates = CS_BYTES(list.data, f->with_certificate ? list.len : 0),
             });
    cs_buf_deinit(&list);
}

static void put_token(const struct fixture *f, struct cs_buf *buf)
{
    cs_msg_token_put(buf, &(struct cs_msg_token){
                              .uri = cs_bytes_of("pkcs11:token=corp;serial=0001"),
                              .label = cs_bytes_of("corp"),
                              .manufacturer = cs_bytes_of("maker"),
                              .model = cs_bytes_of("v1"),
                              .serial = cs_bytes_of("0001"),
                              .module = cs_bytes_of("soft"),
                              .flags = f->flags,
                              .since = (uint64_t)f->now - 600,
                              .why = cs_bytes_of("locked by 'countersign lock'"),
                          });
}

static void put_status(const struct fixture *f, struct cs_buf *buf)
{
    cs_msg_status_put(buf, &(struct cs_msg_status){.version = cs_bytes_of("9.9"),
                               .pid = 77,
                               .started = (uint64_t)f->now - 3 * DAY,
                               .socket = cs_bytes_of("/run/x"),
                               .clients = 1,
                               .signatures = 1234,
                               .n_modules = 1});
    cs_msg_module_put(
        buf, &(struct cs_msg_module){.name = cs_bytes_of("soft"),
                 .path = cs_bytes_of("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
                 .state = cs_bytes_of("failed"),
                 .restarts = 6,
                 .error = cs_bytes_of(f->with_error ? "it crashed" : "")});
}

static void put_resolved(struct fixture *f, struct cs_buf *buf)
{
    cs_buf_put_u8(buf, 1);
    put_identity(f, buf, 0xaa);
    cs_buf_put_u32(buf, f->with_certificate ? 2 : 0);
    if (f->with_certificate)
        cs_buf_put(buf, f->chain.data, f->chain.len);
}

static void put_unlocked(struct fixture *f, struct cs_buf *buf, const struct cs_frame *frame)
{
    struct cs_msg_unlock unlock = {0};

    if (frame->type == CS_MSG_UNLOCK) {
        assert_int_equal(cs_msg_unlock_get(frame->body, &unlock), 0);
        snprintf(f->pin, sizeof(f->pin), "how %d ", unlock.how);
    }
    if (unlock.how & CS_UNLOCK_FD)
        assert_true(read(f->agent.passed, f->pin, sizeof(f->pin) - 1) > 0);
    f->forced = unlock.how & CS_UNLOCK_FORCE;
    cs_buf_put_u32(buf, f->nothing ? 0 : 1);
    if (!f->nothing)
        cs_buf_put_string(buf, "corp");
}

static void put_uses(struct cs_buf *body)
{
    cs_buf_put_u32(body, 2);
    cs_msg_use_put(
        body, &(struct cs_msg_use){
                  .program = cs_bytes_of("/usr/bin/curl"), .signatures = 8, .proven = 6});
    cs_msg_use_put(body, &(struct cs_msg_use){.program = cs_bytes_of("/opt/bad"), .denied = 2});
}

static void put_consents(struct cs_buf *body)
{
    static const uint8_t id[CS_ID_SIZE] = {0xab};

    cs_buf_put_u32(body, 1);
    cs_msg_consent_put(body, &(struct cs_msg_consent){.number = 7,
                                 .program = cs_bytes_of("/usr/bin/gnutls-cli"),
                                 .id = CS_BYTES(id, sizeof(id)),
                                 .label = cs_bytes_of("alice"),
                                 .token = cs_bytes_of("corp"),
                                 .what = cs_bytes_of("digest"),
                                 .since = 1700000000,
                                 .uses = 4});
}

static void put_policy(struct fixture *f, struct cs_buf *buf)
{
    cs_msg_policy_put(buf, &(struct cs_msg_policy){.loaded = f->lacking ? 0 : 1700000000,
                               .error = cs_bytes_of(f->policy_error),
                               .n_rules = 2});
    cs_msg_rule_put(buf, &(struct cs_msg_rule){.name = cs_bytes_of("corp\x1b[2J"),
                             .where = cs_bytes_of("/etc/countersign/r.conf:3"),
                             .identity = cs_bytes_of("alice"),
                             .program = cs_bytes_of("/usr/bin/curl"),
                             .sign = cs_bytes_of("tls"),
                             .consent = cs_bytes_of("session"),
                             .rate = cs_bytes_of("10 in 1 minute"),
                             .flags = CS_RULE_FINAL});
    cs_msg_rule_put(buf, &(struct cs_msg_rule){.name = cs_bytes_of("default for data"),
                             .sign = cs_bytes_of("none"),
                             .consent = cs_bytes_of("never"),
                             .flags = CS_RULE_BUILT_IN,
                             .keys = 2});
}

/* Tells what it was asked in its sentence. */
static void put_decision(struct fixture *f, struct cs_buf *buf, const struct cs_frame *frame)
{
    struct cs_msg_policy_check m;
    char text[256];

    assert_int_equal(cs_msg_policy_check_get(frame->body, &m), 0);
    snprintf(text, sizeof(text), "asked %.*s|%.*s|%.*s|%.*s", (int)m.identity.len,
        (const char *)m.identity.data, (int)m.program.len, (const char *)m.program.data,
        (int)m.proof.len, (const char *)m.proof.data, (int)m.host.len, (const char *)m.host.data);
    cs_msg_decision_put(buf, &(struct cs_msg_decision){.verdict = f->verdict,
                                 .rule = cs_bytes_of("corp"),
                                 .where = cs_bytes_of("r.conf:3"),
                                 .text = cs_bytes_of(text)});
}

static bool answer(struct fake_agent *agent, int fd, const struct cs_frame *frame)
{
    struct fixture *f = agent->data;
    struct cs_buf body = CS_BUF_INIT(CS_FRAME_MAX);
    bool sent;

    if (f->error)
        return fake_error(fd, frame->id, f->error, "the agent says no\x1b[2J");
    if (f->lacking && (frame->type == CS_MSG_TOKENS || frame->type == CS_MSG_IDENTITIES))
        return fake_error(fd, frame->id, CS_ERR_CONFIG, f->policy_error);
    if (frame->type == CS_MSG_TOKENS) {
        cs_msg_page_put(&body,
            &(struct cs_msg_page){.generation = 1, .total = f->with_tokens, .n = f->with_tokens});
        if (f->with_tokens)
            put_token(f, &body);
    } else if (frame->type == CS_MSG_IDENTITIES) {
        uint32_t n = f->with_tokens ? 2 : 0;

        cs_msg_page_put(&body, &(struct cs_msg_page){.generation = 1, .total = n, .n = n});
        for (uint32_t i = 0; i < n; i++)
            put_identity(f, &body, i ? 0x12 : 0xaa);
    } else if (frame->type == CS_MSG_STATUS) {
        put_status(f, &body);
    } else if (frame->type == CS_MSG_USES) {
        put_uses(&body);
    } else if (frame->type == CS_MSG_CONSENTS) {
        put_consents(&body);
    } else if (frame->type == CS_MSG_RECORD) {
        cs_msg_record_put(&body, &(struct cs_msg_record){.on = true,
                                     .path = cs_bytes_of("/home/alice/audit.jsonl"),
                                     .trouble = cs_bytes_of("no space\x1b[2J"),
                                     .lost = 3});
    } else if (frame->type == CS_MSG_CONSENT_REVOKE) {
        cs_msg_number_put(&body, 1);
    } else if (frame->type == CS_MSG_POLICY && !f->policy_error) {
        return fake_error(fd, frame->id, CS_ERR_UNSUPPORTED, "an older agent");
    } else if (frame->type == CS_MSG_POLICY) {
        put_policy(f, &body);
    } else if (frame->type == CS_MSG_POLICY_CHECK) {
        put_decision(f, &body, frame);
    } else if (frame->type == CS_MSG_RESOLVE) {
        put_resolved(f, &body);
    } else {
        put_unlocked(f, &body, frame);
    }
    sent = fake_reply(fd, frame, cs_buf_bytes(&body));
    cs_buf_deinit(&body);
    return sent;
}

static char *slurp(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);

    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    close(fd);
    return text;
}

static int run(struct fixture *f, const char *const *argv)
{
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    pid_t pid = fork();

    if (pid == 0) {
        dup2(out, 1);
        dup2(err, 2);
        execv(getenv("COUNTERSIGN_CLI"), (char **)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &f->status, 0), pid);
    assert_true(WIFEXITED(f->status));
    f->status = WEXITSTATUS(f->status);
    free(f->out);
    free(f->err);
    f->out = slurp(out);
    f->err = slurp(err);
    assert_null(strchr(f->out, '\x1b'));
    assert_null(strchr(f->err, '\x1b'));
    return f->status;
}

#define RUN(f, ...) run(f, (const char *const[]){"countersign", __VA_ARGS__, NULL})
#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("no \"%s\" in:\n%s", part, text);                                             \
    } while (0)

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct cs_buf ca = CS_BUF_INIT(65536);

    f->certificate = f->chain = CS_BUF_INIT(65536);
    make_certificate(&f->certificate, "Alice M\xc3\xbcller", 23);
    make_certificate(&ca, "Example CA", 900);
    cs_buf_put_bytes(&f->chain, cs_buf_bytes(&f->certificate));
    cs_buf_put_bytes(&f->chain, cs_buf_bytes(&ca));
    cs_buf_deinit(&ca);
    f->with_certificate = f->with_tokens = f->with_error = true;
    f->flags = CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_INITIALIZED | CS_TOKEN_PIN_FINAL_TRY;
    f->now = time(NULL);
    fake_agent_start(&f->agent, answer, f);
    unsetenv("COLUMNS");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_agent_stop(&f->agent);
    fake_agent_remove(&f->agent);
    cs_buf_deinit(&f->certificate);
    cs_buf_deinit(&f->chain);
    free(f->out);
    free(f->err);
    free(f);
    return 0;
}

static void test_list_is_a_table_without_surprises(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "list"), CS_EXIT_OK);
    assert_string_equal(f->err, "");
    assert_has(f->out, "ID        LABEL             TOKEN  KEY       EXPIRES     STATE\n");
    assert_has(f->out, "aabbccdd  ali\\x1b[2Jce\\xff  corp   EC P-256  in 23 days  locked\n");
    assert_null(strstr(f->out, "CN="));
    assert_true(strstr(f->out, "\n12bbccdd") > strstr(f->out, "EXPIRES"));
    assert_true(strstr(f->out, "\n12bbccdd") < strstr(f->out, "\naabbccdd")); /* sorted */
    setenv("COLUMNS", "200", 1);
    assert_int_equal(RUN(f, "list"), CS_EXIT_OK);
    assert_has(f->out, "CN=Alice Müller,O=Example\n");
    f->with_certificate = false;
    assert_int_equal(RUN(f, "list"), CS_EXIT_OK);
    assert_has(f->out, "no certificate");
}

static void test_an_empty_list_says_why(void **state)
{
    struct fixture *f = *state;

    f->with_tokens = false;
    assert_int_equal(RUN(f, "list"), CS_EXIT_OK);
    assert_string_equal(f->out, "");
    assert_has(f->err, "module 'soft' failed: it crashed");
    f->with_error = false;
    assert_int_equal(RUN(f, "list"), CS_EXIT_OK);
    assert_has(f->err, "no token is there");
    assert_int_equal(RUN(f, "status"), CS_EXIT_OK);
    assert_has(f->out, "none is there");
}

static struct json_object *field(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    assert_true(json_object_object_get_ex(object, name, &value));
    return value;
}

static const char *text_of(struct json_object *object, const char *name)
{
    return json_object_get_string(field(object, name));
}

static void test_list_as_json(void **state)
{
    struct fixture *f = *state;
    struct json_object *root, *identity, *certificate;

    assert_int_equal(RUN(f, "list", "--json"), CS_EXIT_OK);
    for (const char *p = f->out; *p; p++)
        assert_true(*p >= '\n' && *p <= '~');
    root = json_tokener_parse(f->out);
    assert_int_equal(json_object_array_length(field(root, "identities")), 2);
    identity = json_object_array_get_idx(field(root, "identities"), 0);
    assert_int_equal(strlen(text_of(identity, "id")), 64);
    assert_string_equal(text_of(identity, "label"), "ali\x1b[2Jce\xef\xbf\xbd");
    assert_string_equal(text_of(identity, "label_hex"), "616c691b5b324a6365ff");
    assert_string_equal(text_of(identity, "uri"), URI);
    assert_string_equal(text_of(identity, "token"), "corp");
    assert_string_equal(text_of(identity, "state"), "locked");
    assert_string_equal(text_of(identity, "group"), "prime256v1");
    assert_string_equal(
        json_object_get_string(json_object_array_get_idx(field(identity, "schemes"), 0)),
        "ecdsa_secp256r1_sha256");
    assert_string_equal(
        json_object_get_string(json_object_array_get_idx(field(identity, "schemes"), 2)), "0x9999");
    certificate = json_object_array_get_idx(field(identity, "certificates"), 0);
    assert_string_equal(text_of(certificate, "subject"), "CN=Alice Müller,O=Example");
    assert_string_equal(text_of(certificate, "serial"), "4A3B");
    json_object_put(root);
}

static void test_show_tells_all(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "show", "alice"), CS_EXIT_OK);
    assert_has(f->out, "Label         ali\\x1b[2Jce\\xff\n");
    assert_has(f->out, "URI           " URI "\n");
    assert_has(f->out, "not seen yet");
    assert_has(f->out, "corp, locked 10 minutes ago: locked by 'countersign lock';");
    assert_has(f->out, "ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, 0x9999");
    assert_has(f->out, "Subject     CN=Alice Müller,O=Example\n");
    assert_has(f->out, "expires in 23 days (");
    assert_has(f->out, "clientAuth");
    assert_has(f->out, "Chain, sent with it\n  Subject     CN=Example CA");
    assert_int_equal(RUN(f, "show", "alice", "--json"), CS_EXIT_OK);
    assert_has(f->out, "\"chain\"");
    f->with_certificate = false;
    assert_int_equal(RUN(f, "show", "alice"), CS_EXIT_OK);
    assert_has(f->out, "none on the token");
}

static void test_status_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct json_object *root;

    assert_int_equal(RUN(f, "status"), CS_EXIT_OK);
    assert_has(f->out, "running, release 9.9, pid 77\n");
    assert_has(f->out, "3 days ago (");
    assert_has(f->out, "1234 signatures");
    assert_has(f->out, "soft    failed    -         6  ");
    assert_has(f->out, "    it crashed\n");
    assert_has(f->out, "corp   locked  10 minutes ago  soft");
    assert_has(f->out, "    locked by 'countersign lock'; one more wrong PIN blocks it\n");
    assert_has(f->out, "Record        no space\\x1b[2J; 3 uses are not in it\n");
    assert_has(f->out, "/usr/bin/curl       8     75%       0\n");
    assert_has(f->out, "/opt/bad            0       -       2\n");
    assert_int_equal(RUN(f, "status", "--json"), CS_EXIT_OK);
    root = json_tokener_parse(f->out);
    assert_true(json_object_get_boolean(field(root, "running")));
    assert_int_equal(json_object_get_int(field(root, "signatures")), 1234);
    assert_string_equal(text_of(json_object_array_get_idx(field(root, "tokens"), 0), "why"),
        "locked by 'countersign lock'");
    json_object_put(root);
}

/* A token host calls one that needs no PIN unlocked, for it signs. */
static void test_states_are_those_of_the_manual(void **state)
{
    static const struct {
        uint32_t flags;
        const char *word;
    } states[] = {
        {CS_TOKEN_INITIALIZED | CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_UNLOCKED, "corp   unlocked  "},
        {CS_TOKEN_INITIALIZED | CS_TOKEN_LOGIN_REQUIRED, "corp   locked  "},
        {CS_TOKEN_INITIALIZED | CS_TOKEN_UNLOCKED, "corp   open  "},
        {CS_TOKEN_INITIALIZED | CS_TOKEN_LOGIN_REQUIRED | CS_TOKEN_PIN_BLOCKED, "corp   blocked  "},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        f->flags = states[i].flags;
        assert_int_equal(RUN(f, "status"), CS_EXIT_OK);
        assert_has(f->out, states[i].word);
    }
}

static void test_consents_are_listed_and_revoked(void **state)
{
    struct fixture *f = *state;
    struct json_object *root, *consent;

    assert_int_equal(RUN(f, "consent"), CS_EXIT_OK);
    assert_has(f->out, " 7  /usr/bin/gnutls-cli  alice  corp   digest ");
    assert_int_equal(RUN(f, "consent", "list", "--json"), CS_EXIT_OK);
    root = json_tokener_parse(f->out);
    consent = json_object_array_get_idx(field(root, "consents"), 0);
    assert_string_equal(text_of(consent, "program"), "/usr/bin/gnutls-cli");
    assert_int_equal(json_object_get_int(field(consent, "id")), 7);
    assert_int_equal(json_object_get_int(field(consent, "uses")), 5);
    json_object_put(root);
    assert_int_equal(RUN(f, "consent", "revoke", "7"), CS_EXIT_OK);
    assert_has(f->out, "revoked 1 consent\n");
    assert_int_equal(RUN(f, "consent", "revoke", "--all", "--json"), CS_EXIT_OK);
    assert_has(f->out, "\"revoked\": 1");
    assert_int_equal(RUN(f, "consent", "revoke"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "consent", "revoke", "0"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "consent", "revoke", "7", "--all"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "consent", "list", "--all"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "consent", "nonsense"), CS_EXIT_USAGE);
}

static void test_rules_in_their_order(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "policy"), CS_EXIT_FAILURE);
    assert_has(f->err, "an older agent");
    f->policy_error = "";
    assert_int_equal(RUN(f, "status"), CS_EXIT_OK);
    assert_null(strstr(f->out, "Rules"));
    f->policy_error = "r.conf:9: mend this";
    assert_int_equal(RUN(f, "status"), CS_EXIT_OK);
    assert_has(f->out, "r.conf:9: mend this");
    assert_int_equal(RUN(f, "policy"), CS_EXIT_OK);
    assert_has(f->out, "r.conf:9: mend this");
    assert_has(f->out, "corp\\x1b[2J (final)");
    assert_has(f->out, "alice (fits none that shows now)");
    assert_has(f->out, "10 in 1 minute");
    assert_true(strstr(f->out, "default for data") > strstr(f->out, "corp"));
    assert_int_equal(RUN(f, "policy", "--json"), CS_EXIT_OK);
    assert_has(f->out, "\"error\"");
    assert_has(f->out, "\"final\"");
}

static void test_a_configuration_that_is_lacking(void **state)
{
    struct fixture *f = *state;

    f->lacking = true;
    f->policy_error = "r.conf:9: mend this";
    assert_int_equal(RUN(f, "list"), CS_EXIT_FAILURE);
    assert_has(f->err, "r.conf:9: mend this");
    assert_int_equal(RUN(f, "status"), CS_EXIT_OK);
    assert_has(f->out, "until this mistake is mended: r.conf:9: mend this");
    assert_null(strstr(f->out, "Tokens"));
    assert_int_equal(RUN(f, "status", "--json"), CS_EXIT_OK);
    assert_has(f->out, "r.conf:9: mend");
    assert_int_equal(RUN(f, "policy"), CS_EXIT_OK);
    assert_has(f->out, "nothing is allowed until it is mended: r.conf:9: mend this");
    assert_int_equal(RUN(f, "policy", "--json"), CS_EXIT_OK);
    assert_has(f->out, "\"loaded\": null");
}

static void test_decisions_are_exit_statuses(void **state)
{
    struct fixture *f = *state;

    f->verdict = CS_VERDICT_ALLOW;
    assert_int_equal(RUN(f, "policy", "check", "--identity", "alice?pin-value=1", "--program",
                         "/usr/bin/curl", "--proof", "tls12-client", "--host", "h"),
        CS_EXIT_OK);
    assert_has(f->out, "allow");
    assert_has(f->out, "|/usr/bin/curl|tls12-client|h");
    f->verdict = CS_VERDICT_ASK;
    assert_int_equal(RUN(f, "policy", "check", "--identity", "a", "--proof", "digest"), CS_EXIT_OK);
    assert_has(f->out, "ask");
    f->verdict = CS_VERDICT_DENY;
    assert_int_equal(
        RUN(f, "policy", "check", "--identity", "a", "--proof", "data", "--json"), CS_EXIT_DENIED);
    assert_has(f->out, "\"deny\"");
}

static void test_without_an_agent_status_says_so(void **state)
{
    struct fixture *f = *state;

    fake_agent_stop(&f->agent);
    assert_int_equal(RUN(f, "status"), CS_EXIT_NO_AGENT);
    assert_has(f->err, "countersign: no Countersign agent answers at ");
    assert_int_equal(RUN(f, "status", "--json"), CS_EXIT_NO_AGENT);
    assert_has(f->out, "\"running\": false");
    assert_int_equal(RUN(f, "list"), CS_EXIT_NO_AGENT);
    fake_agent_restart(&f->agent);
}

static void test_the_agents_errors_become_exit_statuses(void **state)
{
    static const struct {
        int code, status;
    } codes[] = {{CS_ERR_NOT_FOUND, CS_EXIT_NOT_FOUND}, {CS_ERR_AMBIGUOUS, CS_EXIT_NOT_FOUND},
        {CS_ERR_LOCKED, CS_EXIT_LOCKED}, {CS_ERR_PIN_INCORRECT, CS_EXIT_LOCKED},
        {CS_ERR_CANCELLED, CS_EXIT_DENIED}, {CS_ERR_TOKEN_ABSENT, CS_EXIT_TOKEN},
        {CS_ERR_BUSY, CS_EXIT_FAILURE}};
    static const char *const verbs[] = {"show", "pem", "unlock", "lock"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        f->error = codes[i].code;
        assert_int_equal(RUN(f, verbs[i % 4], "x"), codes[i].status);
        assert_string_equal(f->out, "");
        assert_has(f->err, "countersign: the agent says no");
    }
}

static void test_unlock_and_lock(void **state)
{
    struct fixture *f = *state;
    int ends[2];

    assert_int_equal(RUN(f, "unlock"), CS_EXIT_OK);
    assert_string_equal(f->out, "unlocked corp\n");
    assert_string_equal(f->pin, "how 0 ");
    assert_int_equal(RUN(f, "unlock", "corp", "--force", "--json"), CS_EXIT_OK);
    assert_has(f->out, "\"unlocked\": [");
    assert_string_equal(f->pin, "how 2 ");
    assert_int_equal(RUN(f, "lock"), CS_EXIT_OK);
    assert_string_equal(f->out, "locked corp\n");
    assert_int_equal(RUN(f, "lock", "--json"), CS_EXIT_OK);
    assert_has(f->out, "\"locked\": [");
    f->nothing = true;
    assert_int_equal(RUN(f, "unlock"), CS_EXIT_OK);
    assert_string_equal(f->out, "nothing to unlock\n");
    assert_int_equal(RUN(f, "lock"), CS_EXIT_OK);
    assert_string_equal(f->out, "nothing to lock\n");
    f->nothing = false;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "123456", 7), 7);
    assert_int_equal(dup2(ends[0], 9), 9);
    assert_int_equal(RUN(f, "unlock", "--pin-fd", "9"), CS_EXIT_OK);
    assert_string_equal(f->pin, "123456");
    assert_false(f->forced);
    assert_int_equal(write(ends[1], "654321", 7), 7);
    assert_int_equal(RUN(f, "unlock", "--pin-fd", "9", "--force"), CS_EXIT_OK);
    assert_string_equal(f->pin, "654321");
    assert_true(f->forced);
    close(9);
    close(ends[0]);
    close(ends[1]);
}

static void test_wrong_usage_is_told_from_failure(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, NULL), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "lst"), CS_EXIT_USAGE);
    assert_has(f->err, "there is no command 'lst'");
    assert_int_equal(RUN(f, "show"), CS_EXIT_USAGE);
    assert_has(f->err, "'countersign help show'");
    assert_int_equal(RUN(f, "show", "a", "b"), CS_EXIT_USAGE);
    assert_has(f->err, "b is too much");
    assert_int_equal(RUN(f, "list", "--jso\x1b"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "pem", "x", "--output"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "unlock", "--pin-fd", "x"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "unlock", "--pin-fd", "99"), CS_EXIT_USAGE);
    assert_int_equal(RUN(f, "show", "\xff"), CS_EXIT_USAGE);
    assert_int_equal(f->agent.n_connections, 0);
}

static void test_help_fits_and_names_every_command(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "--help"), CS_EXIT_OK);
    for (const struct cs_verb *const *verb = cs_verbs; *verb; verb++) {
        assert_has(f->out, (*verb)->name);
        assert_int_equal(RUN(f, (*verb)->name, "--help"), CS_EXIT_OK);
        for (char *rest = f->out, *line; (line = strsep(&rest, "\n"));)
            if (strlen(line) > 80)
                fail_msg("wider than 80: %s", line);
        assert_int_equal(RUN(f, "help", (*verb)->name), CS_EXIT_OK);
        assert_has(f->out, (*verb)->arguments);
        assert_int_equal(RUN(f, "help"), CS_EXIT_OK);
    }
    for (char *rest = f->out, *line; (line = strsep(&rest, "\n"));)
        assert_true(strlen(line) <= 80);
}

/* Reads back what pem wrote: the reference first, then so many certificates. */
static void assert_pem(const char *text, int certificates)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    struct cs_pem_reference reference;
    long len;

    for (int i = 0; PEM_read_bio(bio, &name, &header, &data, &len) == 1; i++) {
        if (i == 0) {
            assert_string_equal(name, CS_PEM_REFERENCE);
            assert_int_equal(cs_pem_reference_get(CS_BYTES(data, len), &reference), 0);
            assert_true(cs_bytes_equal(reference.uri, cs_bytes_of(URI)));
            assert_true(cs_bytes_equal(reference.spki, cs_bytes_of("0\x04spki")));
            assert_int_equal(reference.id.data[1], 0xbb);
        } else {
            assert_string_equal(name, "CERTIFICATE");
        }
        certificates -= i > 0;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    assert_int_equal(certificates, 0);
    BIO_free(bio);
}

static void test_pem_is_what_openssl_reads(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct stat st;

    assert_int_equal(RUN(f, "pem", "alice"), CS_EXIT_OK);
    assert_string_equal(f->err, "");
    assert_pem(f->out, 2);
    assert_has(f->out, "# Label:   ali\\x1b[2Jce\\xff\n");
    assert_int_equal(RUN(f, "pem", "alice", "--no-chain"), CS_EXIT_OK);
    assert_pem(f->out, 1);
    snprintf(path, sizeof(path), "%s/alice.pem", f->agent.directory);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(RUN(f, "pem", "alice", "-o", path), CS_EXIT_OK);
        assert_string_equal(f->out, "");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    assert_int_equal(truncate(path, 10), 0);
    assert_int_equal(RUN(f, "pem", "alice", "--output", path), CS_EXIT_FAILURE);
    assert_has(f->err, "--force");
    assert_int_equal(RUN(f, "pem", "alice", "--output", path, "--force"), CS_EXIT_OK);
    f->with_certificate = false;
    assert_int_equal(RUN(f, "pem", "alice", "--output", "-"), CS_EXIT_OK);
    assert_pem(f->out, 0);
    assert_has(f->err, "no certificate");
    unlink(path);
}

static void test_a_full_disk_is_noticed(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        dup2(open("/dev/full", O_WRONLY), 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execl(getenv("COUNTERSIGN_CLI"), "countersign", "list", NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), CS_EXIT_FAILURE);
    assert_int_equal(f->agent.n_requests, 3); /* tokens, identities, modules */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_list_is_a_table_without_surprises),
        TEST(test_an_empty_list_says_why),
        TEST(test_list_as_json),
        TEST(test_show_tells_all),
        TEST(test_states_are_those_of_the_manual),
        TEST(test_status_says_what_is_wrong),
        TEST(test_consents_are_listed_and_revoked),
        TEST(test_rules_in_their_order),
        TEST(test_a_configuration_that_is_lacking),
        TEST(test_decisions_are_exit_statuses),
        TEST(test_without_an_agent_status_says_so),
        TEST(test_the_agents_errors_become_exit_statuses),
        TEST(test_unlock_and_lock),
        TEST(test_wrong_usage_is_told_from_failure),
        TEST(test_help_fits_and_names_every_command),
        TEST(test_pem_is_what_openssl_reads),
        TEST(test_a_full_disk_is_noticed),
    };

    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
