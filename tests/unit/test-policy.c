/* SPDX-License-Identifier: Apache-2.0 */
/* agent/policy: rules and facts in, decisions and sentences out. */
#include "policy/policy.h"
#include "base/hex.h"
#include "inventory/name.h"
#include "inventory/token.h"
#include "limit.h"
#include "made-token.h"

#include <countersign/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct cs_inventory inventory;
static EVP_PKEY *keys[3];
static struct cs_policy policy;
static struct cs_fault fault;

/* Two keys on token corp, one on token home. */
static int setup_all(void **state)
{
    struct cs_token *corp = make_token("corp", 1, UNLOCKED);
    struct cs_token *home = make_token("home", 2, UNLOCKED);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        keys[i] = make_key("P-256");
    cs_inventory_init(&inventory);
    add_private(corp, "alice", "\1", keys[0]);
    add_private(corp, "mail", "\2", keys[1]);
    add_private(home, "bob", "\1", keys[2]);
    put_token(&inventory, corp);
    put_token(&inventory, home);
    return inventory.n_identities == 3 ? 0 : -1;
}

static int teardown_all(void **state)
{
    (void)state;
    cs_inventory_deinit(&inventory);
    for (size_t i = 0; i < 3; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    fault = (struct cs_fault){0};
    return cs_policy_init(&policy);
}

static int teardown(void **state)
{
    (void)state;
    cs_policy_deinit(&policy);
    return 0;
}

/* Takes lines of a file: "[name]" begins a rule, "+ more" goes on, the rest is "name = value". */
static int take(const char *file, bool administrator, const char *text)
{
    CS_AUTO(cs_freep) char *copy = strdup(text);
    char *rest = copy, *line, *rule = NULL, *name = NULL;
    int number = 0, r = 0;

    while (r == 0 && (line = strsep(&rest, "\n"))) {
        struct cs_setting at = {.file = file, .line = ++number, .section = "rule"};
        char *equals = strstr(line, " = ");

        if (line[0] == '[') {
            rule = line + 1;
            line[strlen(line) - 1] = '\0';
            continue;
        }
        at.goes_on = line[0] == '+';
        if (equals) {
            *equals = '\0';
            name = line;
        }
        at.name = name;
        at.value = equals ? equals + 3 : line + 2;
        if (line[0])
            r = cs_policy_take(&policy, rule, &at, administrator, &fault);
    }
    return r;
}

static void rules(const char *text)
{
    cs_policy_deinit(&policy);
    assert_int_equal(cs_policy_init(&policy), 0);
    if (take("/home/r.conf", false, text) < 0 || cs_policy_complete(&policy, &fault) < 0)
        fail_msg("%s", fault.text);
}

static const struct cs_identity *identity(const char *label)
{
    struct cs_name_match match;

    assert_int_equal(cs_name_resolve(&inventory, label, CS_EXPECT_KEY, 0, &match, &fault), 0);
    return match.identity;
}

static struct cs_program program_of(const char *name)
{
    struct cs_program program = {0};

    if (strncmp(name, "unit:", 5) == 0)
        snprintf(program.unit, sizeof(program.unit), "%s", name + 5);
    else if (name[0] == '/')
        snprintf(program.path, sizeof(program.path), "%s", name);
    else
        snprintf(program.app, sizeof(program.app), "%s", name);
    return program;
}

static struct cs_decision decide(
    const char *label, const char *name, enum cs_proof_kind proof, const char *host)
{
    struct cs_program program = program_of(name);
    const struct cs_policy_facts facts = {
        .identity = identity(label), .program = &program, .proof = proof, .host = host};

    return cs_policy_decide(&policy, &facts);
}

/* Of alice, no host known. */
static void assert_verdict(const char *program, enum cs_proof_kind proof, enum cs_verdict verdict)
{
    struct cs_decision decision = decide("alice", program, proof, "");

    if (decision.verdict != verdict)
        fail_msg("%s, %s: %d instead of %d by '%s'", program, cs_proof_name(proof),
            decision.verdict, verdict, decision.rule->name);
}

static void assert_rule(const char *label, const char *program, const char *host, const char *name)
{
    struct cs_decision decision = decide(label, program, CS_PROOF_TLS12_CLIENT, host);

    if (strcmp(decision.rule->name, name) != 0)
        fail_msg("%s, %s, %s: decided by '%s', not '%s'", label, program, host, decision.rule->name,
            name);
}

static void test_without_a_rule(void **state)
{
    (void)state;
    rules("");
    assert_verdict("/usr/bin/curl", CS_PROOF_TLS13_CLIENT, CS_VERDICT_ALLOW);
    assert_verdict("/usr/bin/curl", CS_PROOF_TLS12_CLIENT, CS_VERDICT_ALLOW);
    assert_verdict("", CS_PROOF_TLS13_CLIENT, CS_VERDICT_ALLOW);
    assert_verdict("/usr/bin/openssl", CS_PROOF_CSR, CS_VERDICT_ALLOW);
    assert_verdict("/opt/openssl-3.5/bin/openssl", CS_PROOF_CSR, CS_VERDICT_ALLOW);
    assert_verdict("/opt/a/b/bin/openssl", CS_PROOF_CSR, CS_VERDICT_ASK);
    assert_verdict("/srv/openssl", CS_PROOF_CSR, CS_VERDICT_ASK);
    assert_verdict("/usr/bin/openssl", CS_PROOF_DIGEST, CS_VERDICT_ASK);
    assert_verdict("/usr/bin/openssl", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_int_equal(decide("alice", "/x", CS_PROOF_DIGEST, "").consent, CS_CONSENT_SESSION);
}

static void test_what_a_rule_lists_and_nothing_else(void **state)
{
    static const enum cs_proof_kind kinds[] = {
        CS_PROOF_TLS13_CLIENT, CS_PROOF_TLS12_CLIENT, CS_PROOF_CSR, CS_PROOF_DIGEST, CS_PROOF_DATA};
    static const struct {
        const char *sign;
        bool may[5];
    } rows[] = {
        {"tls", {true, true, false, false, false}},
        {"csr", {false, false, true, false, false}},
        {"digest", {false, false, false, true, false}},
        {"data", {false, false, false, false, true}},
        {"none", {false, false, false, false, false}},
        {"tls,digest , data", {true, true, false, true, true}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64];

        snprintf(text, sizeof(text), "[r]\nsign = %s", rows[i].sign);
        rules(text);
        for (size_t k = 0; k < 5; k++)
            assert_verdict(
                "/usr/bin/openssl", kinds[k], rows[i].may[k] ? CS_VERDICT_ALLOW : CS_VERDICT_DENY);
    }
}

static void test_consent(void **state)
{
    (void)state;
    rules("[r]\nsign = tls, digest\nconsent = always");
    assert_verdict("/x", CS_PROOF_TLS13_CLIENT, CS_VERDICT_ASK);
    assert_verdict("/x", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_int_equal(decide("alice", "/x", CS_PROOF_DIGEST, "").consent, CS_CONSENT_ALWAYS);
}

static void test_programs(void **state)
{
    (void)state;
    rules("[r]\nprogram = /usr/bin/a, /opt/*/b, /srv/[xy]?, flatpak:org.x.*,\n+ snap:firefox, "
          "unit:backup@*.service\nsign = data");
    assert_verdict("/usr/bin/a", CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("/usr/bin/aa", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("/tmp/usr/bin/a", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("/opt/v1/b", CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("/opt/v1/v2/b", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("/opt/.v1/b", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("/srv/y1", CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("/srv/z1", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("flatpak:org.x.Y", CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("flatpak:org.z.Y", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("snap:firefox", CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("snap:firefoxy", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("unit:backup@1.service", CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("unit:other.service", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_verdict("", CS_PROOF_DATA, CS_VERDICT_DENY);
}

/* What could not be established fits no wildcard either. */
static void test_an_unknown_program(void **state)
{
    (void)state;
    rules("[r]\nprogram = /*, flatpak:*, snap:*, unit:*\nsign = data");
    assert_verdict("", CS_PROOF_DATA, CS_VERDICT_DENY);
}

static void test_identities(void **state)
{
    char text[128], id[2 * CS_ID_SIZE + 1];

    (void)state;
    rules("[k]\nidentity = alice\nsign = tls");
    assert_rule("alice", "/x", "", "k");
    assert_rule("mail", "/x", "", "default for tls");
    rules("[k]\nidentity = PKCS11:token=corp\nsign = tls");
    assert_rule("mail", "/x", "", "k");
    rules("[k]\nidentity = pkcs11:token=corp\nsign = tls");
    assert_rule("mail", "/x", "", "k");
    assert_rule("bob", "/x", "", "default for tls");
    rules("[k]\nidentity = pkcs11:token=corp;object=mail\nsign = tls");
    assert_rule("mail", "/x", "", "k");
    assert_rule("alice", "/x", "", "default for tls");
    cs_hex_write(identity("bob")->key->id, CS_ID_SIZE, id);
    snprintf(text, sizeof(text), "[k]\nidentity = %.16s\nsign = tls", id);
    rules(text);
    assert_rule("bob", "/x", "", "k");
    assert_rule("alice", "/x", "", "default for tls");
}

static void test_hosts(void **state)
{
    (void)state;
    rules("[h]\nhosts = api.example, *.corp.example\nsign = tls\n[no]\nsign = none");
    assert_rule("alice", "/x", "api.example", "h");
    assert_rule("alice", "/x", "API.Example", "h");
    assert_rule("alice", "/x", "a.b.corp.example", "h");
    assert_rule("alice", "/x", "corp.example", "no");
    assert_rule("alice", "/x", "evil.example", "no");
    assert_rule("alice", "/x", "", "no");
    rules("[any]\nhosts = *\nsign = tls");
    assert_rule("alice", "/x", "a", "any");
    assert_rule("alice", "/x", "", "default for tls"); /* nobody knows that there is one */
}

/* Each rule beats all that come after it, wherever it stands in the file. */
static void test_the_most_specific_wins(void **state)
{
    static const char *const order[] = {
        "[key+program]\nidentity = alice\nprogram = /bin/x\nsign = tls\n",
        "[key+glob]\nidentity = alice\nprogram = /bin/?\nsign = tls\n",
        "[key+host]\nidentity = alice\nhosts = h\nsign = tls\n",
        "[key]\nidentity = alice\nsign = tls\n",
        "[token+program]\nidentity = pkcs11:token=corp\nprogram = /bin/x\nsign = tls\n",
        "[token]\nidentity = pkcs11:token=corp\nsign = tls\n",
        "[program+host]\nprogram = /bin/x\nhosts = h\nsign = tls\n",
        "[program+hosts]\nprogram = /bin/x\nhosts = h*\nsign = tls\n",
        "[program]\nprogram = /bin/x\nsign = tls\n",
        "[glob]\nprogram = /bin/x, /bin/*\nsign = tls\n",
        "[host]\nhosts = h\nsign = tls\n",
        "[hosts]\nhosts = *\nsign = tls\n",
        "[all]\nsign = tls\n",
    };
    enum { N = sizeof(order) / sizeof(order[0]) };

    (void)state;
    for (size_t i = 0; i < N; i++)
        for (size_t k = i + 1; k < N; k++) {
            char text[512], name[32];

            snprintf(name, sizeof(name), "%.*s", (int)strcspn(order[i] + 1, "]"), order[i] + 1);
            snprintf(text, sizeof(text), "%s%s", order[i], order[k]);
            rules(text);
            assert_rule("alice", "/bin/x", "h", name);
            snprintf(text, sizeof(text), "%s%s", order[k], order[i]);
            rules(text);
            assert_rule("alice", "/bin/x", "h", name);
        }
}

static void test_of_equals_the_later(void **state)
{
    (void)state;
    rules("[a]\nsign = tls\n[b]\nsign = none");
    assert_verdict("/x", CS_PROOF_TLS13_CLIENT, CS_VERDICT_DENY);
    rules("[b]\nsign = none\n[a]\nsign = tls");
    assert_verdict("/x", CS_PROOF_TLS13_CLIENT, CS_VERDICT_ALLOW);
}

static void test_a_later_file_replaces_a_rule(void **state)
{
    (void)state;
    assert_int_equal(
        take("/etc/a.conf", true, "[r]\nprogram = /x\nsign = tls, data\nrate = 1/s"), 0);
    assert_int_equal(take("/home/b.conf", false, "[r]\nsign = tls"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    assert_verdict("/x", CS_PROOF_DATA, CS_VERDICT_DENY);
    assert_int_equal(policy.rules[0].rate, 0);
    assert_string_equal(policy.rules[0].file, "/home/b.conf");
    assert_int_equal(policy.rules[0].line, 2);
}

static void test_a_final_rule_stands(void **state)
{
    struct cs_decision decision;

    (void)state;
    assert_int_equal(take("/etc/a.conf", true, "[r]\nsign = tls\nfinal = yes"), 0);
    assert_int_equal(take("/home/b.conf", false,
                         "[r]\nsign = data\n[s]\nidentity = alice\nprogram = /x\nsign = data"),
        0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    decision = decide("alice", "/x", CS_PROOF_DATA, "");
    assert_int_equal(decision.verdict, CS_VERDICT_DENY);
    assert_true(decision.rule->final);
}

static void test_the_users_rules_are_kept(void **state)
{
    struct cs_policy older;

    (void)state;
    assert_int_equal(take("/etc/a.conf", true, "[gone]\nsign = data\nfinal = yes\n"), 0);
    assert_int_equal(
        take("/home/b.conf", false, "[x]\nsign = none\n[r]\nsign = data\n[y]\nsign = tls"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    older = policy;
    assert_int_equal(cs_policy_init(&policy), 0);
    assert_int_equal(
        take("/etc/a.conf", true, "[z]\nsign = none\n[r]\nsign = tls\n[y]\nsign = none"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    assert_int_equal(cs_policy_keep_user(&policy, &older), 0);
    assert_int_equal(policy.n_rules, 5 + 4);
    assert_string_equal(policy.rules[0].name, "y");
    assert_string_equal(policy.rules[0].file, "/home/b.conf");
    assert_string_equal(policy.rules[1].name, "r");
    assert_string_equal(policy.rules[2].name, "x");
    assert_string_equal(policy.rules[3].name, "z");
    cs_policy_deinit(&older);
}

/* Also where the administrator has more rules than before. */
static void test_what_is_kept_is_the_later(void **state)
{
    struct cs_policy older;

    (void)state;
    assert_int_equal(take("/home/b.conf", false, "[x]\nsign = none"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    older = policy;
    assert_int_equal(cs_policy_init(&policy), 0);
    assert_int_equal(take("/etc/a.conf", true, "[a]\nsign = tls\n[b]\nsign = tls"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    assert_int_equal(cs_policy_keep_user(&policy, &older), 0);
    assert_verdict("/x", CS_PROOF_TLS13_CLIENT, CS_VERDICT_DENY);
    cs_policy_deinit(&older);
}

static void test_a_final_rule_stands_before_what_is_kept(void **state)
{
    struct cs_policy older;

    (void)state;
    assert_int_equal(take("/home/b.conf", false, "[r]\nidentity = alice\nsign = data"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    older = policy;
    assert_int_equal(cs_policy_init(&policy), 0);
    assert_int_equal(take("/etc/a.conf", true, "[r]\nsign = tls\nfinal = yes"), 0);
    assert_int_equal(cs_policy_complete(&policy, &fault), 0);
    assert_int_equal(cs_policy_keep_user(&policy, &older), 0);
    assert_int_equal(policy.n_rules, 5 + 2);
    assert_verdict("/x", CS_PROOF_DATA, CS_VERDICT_DENY);
    cs_policy_deinit(&older);
}

static void test_rates(void **state)
{
    struct cs_decision decision;

    (void)state;
    rules("[r]\nsign = tls\nrate = 10/min");
    assert_int_equal(policy.rules[0].rate, 10);
    assert_int_equal(policy.rules[0].period, 60000);
    decision = decide("alice", "/x", CS_PROOF_TLS13_CLIENT, "");
    cs_decision_limit(&decision, 9);
    assert_int_equal(decision.verdict, CS_VERDICT_ALLOW);
    cs_decision_limit(&decision, 10);
    assert_int_equal(decision.verdict, CS_VERDICT_DENY);
    assert_true(decision.too_often);
    rules("[r]\nsign = tls\nrate = 3/10s");
    assert_int_equal(policy.rules[0].period, 10000);
}

static void assert_wrong(const char *text, const char *hint)
{
    int r;

    cs_policy_deinit(&policy);
    assert_int_equal(cs_policy_init(&policy), 0);
    r = take("/r.conf", false, text);
    if (r == 0)
        r = cs_policy_complete(&policy, &fault);
    assert_int_equal(r, CS_ERR_CONFIG);
    if (strncmp(fault.text, "/r.conf:2: ", 11) != 0 || !strstr(fault.text, hint))
        fail_msg("no '%s' in: %s", hint, fault.text);
}

static void test_mistakes(void **state)
{
    (void)state;
    assert_wrong("[r]\nsign = tsl", "tls, csr, digest, data, or none");
    assert_wrong("[r]\nsign = ", "tls, csr, digest, data, or none");
    assert_wrong("[r]\nsign = none, tls", "none stands alone");
    assert_wrong("[r]\nconsent = once", "never, session or always");
    assert_wrong("[r]\nconsent = session", "does not say what may be signed");
    assert_wrong("[r]\nprogram = firefox", "absolute paths");
    assert_wrong("[r]\nprogram = flatpak:", "absolute paths");
    assert_wrong("[r]\nprogram = ,", "leave this out");
    assert_wrong("[r]\nhosts = https://x/", "names of servers");
    assert_wrong("[r]\nrate = 10", "10/min");
    assert_wrong("[r]\nrate = 0/min", "10/min");
    assert_wrong("[r]\nrate = -1/min", "10/min");
    assert_wrong("[r]\nrate = 10/none", "10/min");
    assert_wrong("[r]\nrate = 10/fortnight", "10/min");
    assert_wrong("[r]\nfinal = yes", "administrator");
    assert_wrong("[r]\nfinal = perhaps", "yes or no");
    assert_wrong("[r]\nidentity = pkcs11:token=%zz", "RFC 7512");
    assert_wrong("[r]\nidentity = ", "URI");
    assert_wrong("[r]\nidentity = pkcs11:token=corp;objct=alice", "no other attributes");
    assert_wrong("[r]\nidentity = pkcs11:token=corp;slot-id=3", "no other attributes");
    assert_wrong("[r]\nidentity = pkcs11:slot-description=x", "no other attributes");
    assert_wrong("[r]\nidentity = pkcs11:library-version=3", "no other attributes");
    assert_wrong("[r]\nidentity = PKCS11:slot-id=3", "no other attributes");
    assert_wrong("[r]\ncolour = red", "no such setting");
}

static void test_what_is_no_list_does_not_go_on(void **state)
{
    static const char *const lines[] = {"identity = alice", "consent = never", "rate = 1/s"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[64];

        fault = (struct cs_fault){0};
        snprintf(text, sizeof(text), "[r]\n%s\n+ 5", lines[i]);
        assert_int_equal(take("/r.conf", false, text), CS_ERR_CONFIG);
        assert_non_null(strstr(fault.text, "go on in the next line"));
    }
}

static void test_there_are_limits(void **state)
{
    char text[512] = "[r]\nsign = tls\n[";
    size_t len = strlen(text);

    (void)state;
    memset(text + len, 'x', CS_LIMIT_RULE_NAME);
    strcpy(text + len + CS_LIMIT_RULE_NAME, "]\nsign = tls");
    assert_int_equal(take("/r.conf", false, text), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "too long"));
    for (size_t i = policy.n_rules; i < CS_LIMIT_RULES; i++) {
        snprintf(text, sizeof(text), "[%zu]\nsign = tls", i);
        assert_int_equal(take("/r.conf", false, text), 0);
    }
    fault = (struct cs_fault){0};
    assert_int_equal(take("/r.conf", false, "[one more]\nsign = tls"), CS_ERR_CONFIG);
    assert_non_null(strstr(fault.text, "too many"));
    assert_int_equal(take("/r.conf", false, "[r]\nsign = csr"), 0);
}

static void assert_said(
    const char *program_name, enum cs_proof_kind proof, const char *const *parts)
{
    struct cs_program program = program_of(program_name);
    const struct cs_policy_facts facts = {.identity = identity("alice"),
        .program = &program,
        .program_name = program_name,
        .proof = proof,
        .host = ""};
    struct cs_decision decision = cs_policy_decide(&policy, &facts);

    assert_int_equal(cs_decision_refuse(&decision, &facts, &fault), CS_ERR_DENIED);
    for (; *parts; parts++)
        if (!strstr(fault.text, *parts))
            fail_msg("no '%s' in: %s", *parts, fault.text);
}

static void test_refusals_say_what_would_allow_it(void **state)
{
    char id[2 * CS_ID_SIZE + 1], key[40];

    (void)state;
    cs_hex_write(identity("alice")->key->id, CS_ID_SIZE, id);
    snprintf(key, sizeof(key), "identity = %.16s,", id);
    rules("");
    assert_said("/usr/bin/openssl", CS_PROOF_DATA,
        (const char *[]){"'alice' does not sign a message that is no TLS handshake for "
                         "/usr/bin/openssl: ",
            "[rule \"openssl\"]", key, "program = /usr/bin/openssl", "sign = tls, data", NULL});
    assert_said("flatpak:org.x.Y", CS_PROOF_DIGEST,
        (const char *[]){"a bare hash", "nobody can be asked", "program = flatpak:org.x.Y",
            "sign = tls, digest", NULL});
    rules("[corp]\nsign = tls, csr");
    assert_said("/x", CS_PROOF_DATA,
        (const char *[]){
            "rule 'corp' (/home/r.conf:2) allows only tls, csr: add data to its sign", NULL});
    rules("[corp]\nsign = none");
    assert_said(
        "/x", CS_PROOF_TLS13_CLIENT, (const char *[]){"allows none: write sign = tls there", NULL});
    rules("[corp]\nsign = tls\nconsent = always");
    assert_said("/x", CS_PROOF_TLS13_CLIENT, (const char *[]){"consent = never", NULL});
}

static void test_what_is_proposed_for_an_odd_path_is_a_rule_that_fits_it(void **state)
{
    static const char path[] = "/opt/a, b/[x]*y/t;o\\ol\n\"x ";
    static const char written[] = "/opt/a? b/?x??y/t?o?ol??x?";
    char text[128];

    (void)state;
    rules("");
    assert_said(path, CS_PROOF_DATA,
        (const char *[]){
            "[rule \"t?o?ol??x?\"]", "program = /opt/a? b/?x??y/t?o?ol??x? and", NULL});
    snprintf(text, sizeof(text), "[r]\nprogram = %s\nsign = data", written);
    rules(text);
    assert_verdict(path, CS_PROOF_DATA, CS_VERDICT_ALLOW);
    assert_verdict("/opt/a/b", CS_PROOF_DATA, CS_VERDICT_DENY);
}

static void test_decisions_are_explained(void **state)
{
    struct cs_program program = program_of("/x");
    struct cs_policy_facts facts = {.identity = identity("alice"),
        .program = &program,
        .program_name = "/x",
        .proof = CS_PROOF_TLS13_CLIENT,
        .host = ""};
    struct cs_decision decision;
    char text[CS_DECISION_TEXT];

    (void)state;
    rules("[r]\nsign = tls\nrate = 2/h");
    decision = cs_policy_decide(&policy, &facts);
    assert_string_equal(cs_decision_explain(&decision, &facts, text),
        "'alice' signs a TLS handshake for /x: rule 'r' (/home/r.conf:2)");
    cs_decision_limit(&decision, 2);
    assert_non_null(strstr(cs_decision_explain(&decision, &facts, text), "allows 2 in 1 hour"));
    facts.proof = CS_PROOF_DIGEST;
    rules("");
    decision = cs_policy_decide(&policy, &facts);
    assert_non_null(strstr(cs_decision_explain(&decision, &facts, text), "once in a session"));
}

/* Of an identity whose private key is hidden. */
static struct cs_decision decide_hidden(const char *name, char text[CS_DECISION_TEXT])
{
    struct cs_program program = program_of(name);
    struct cs_policy_facts facts = {
        .program = &program, .program_name = name, .proof = CS_PROOF_TLS13_CLIENT, .host = ""};
    struct cs_token *card = make_token("card", 1, LOCKED);
    struct cs_inventory cards;
    struct cs_decision decision;

    cs_inventory_init(&cards);
    add_public(card, "public key", "1", keys[0]);
    put_token(&cards, card);
    facts.identity = cards.identities[0];
    decision = cs_policy_decide(&policy, &facts);
    cs_decision_explain(&decision, &facts, text);
    cs_inventory_deinit(&cards);
    return decision;
}

static void test_a_rule_may_name_a_key_by_what_is_hidden(void **state)
{
    char text[CS_DECISION_TEXT];

    (void)state;
    rules("[r]\nidentity = private key\nprogram = /x\nsign = none");
    assert_true(decide_hidden("/x", text).in_doubt);
    assert_non_null(strstr(text, "once token 'card' is unlocked"));
    assert_false(decide_hidden("/y", text).in_doubt);
    assert_null(strstr(text, "once token"));
    rules("[r]\nidentity = public key\nsign = none");
    assert_false(decide_hidden("/x", text).in_doubt);
    assert_int_equal(decide_hidden("/x", text).verdict, CS_VERDICT_DENY);
    /* One that is more specific has decided before. */
    rules("[r]\nidentity = private key\nsign = none\n"
          "[s]\nidentity = public key\nprogram = /x\nsign = tls");
    assert_false(decide_hidden("/x", text).in_doubt);
    assert_true(decide_hidden("/y", text).in_doubt);
}

static void test_whether_a_program_may_have_anything(void **state)
{
    struct cs_program x = program_of("/x"), y = program_of("/y");
    const struct cs_token *corp = inventory.tokens[0], *home = inventory.tokens[1];

    (void)state;
    assert_true(cs_policy_allows_some(&policy, &x, corp));
    rules("[r]\nprogram = /x\nsign = none");
    assert_false(cs_policy_allows_some(&policy, &x, corp));
    assert_true(cs_policy_allows_some(&policy, &y, corp));
    rules("[r]\nidentity = pkcs11:token=corp\nsign = none");
    assert_false(cs_policy_allows_some(&policy, &x, corp));
    assert_true(cs_policy_allows_some(&policy, &x, home));
    rules("[r]\nprogram = /x\nsign = none\n[s]\nidentity = anything\nprogram = /x\nsign = tls");
    assert_true(cs_policy_allows_some(&policy, &x, corp));
    rules("[r]\nidentity = anything\nsign = none\n[s]\nhosts = a.example\nsign = none");
    assert_true(cs_policy_allows_some(&policy, &x, corp));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_rule),
        TEST(test_what_a_rule_lists_and_nothing_else),
        TEST(test_consent),
        TEST(test_programs),
        TEST(test_an_unknown_program),
        TEST(test_identities),
        TEST(test_hosts),
        TEST(test_the_most_specific_wins),
        TEST(test_of_equals_the_later),
        TEST(test_a_later_file_replaces_a_rule),
        TEST(test_a_final_rule_stands),
        TEST(test_the_users_rules_are_kept),
        TEST(test_what_is_kept_is_the_later),
        TEST(test_a_final_rule_stands_before_what_is_kept),
        TEST(test_rates),
        TEST(test_mistakes),
        TEST(test_what_is_no_list_does_not_go_on),
        TEST(test_there_are_limits),
        TEST(test_refusals_say_what_would_allow_it),
        TEST(test_what_is_proposed_for_an_odd_path_is_a_rule_that_fits_it),
        TEST(test_decisions_are_explained),
        TEST(test_a_rule_may_name_a_key_by_what_is_hidden),
        TEST(test_whether_a_program_may_have_anything),
    };

    return cmocka_run_group_tests_name("policy", tests, setup_all, teardown_all);
}
