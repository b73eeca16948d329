/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that take a certificate and a key by the names of files, or by a URI. */
#include "cli/setup/targets.h"
#include "base/cleanup.h"
#include "cli/doctor/program.h"

#include <string.h>

/* How a program is to be told of the key. */
struct key {
    bool by_uri;
    char *certificate, *private; /* in double quotes */
};

static void key_deinit(struct key *key)
{
    free(key->certificate);
    free(key->private);
}

static bool uses_gnutls(const char *name, char file[PATH_MAX])
{
    struct cs_program program;

    if (cs_program_look(&program, name, NULL) < 0 || program.tls != CS_TLS_GNUTLS)
        return false;
    snprintf(file, PATH_MAX, "%s", program.file);
    return true;
}

static int quote(
    const struct cs_setup *setup, struct key *key, const char *certificate, const char *private)
{
    key->certificate = cs_setup_quoted(setup, certificate);
    key->private = cs_setup_quoted(setup, private);
    return key->certificate && key->private ? 0 : CS_ERR_MEMORY;
}

/* The URIs of both objects, from that of the key. */
static int get_uris(struct cs_setup *setup, struct key *key)
{
    static const char type[] = ";type=private";
    CS_AUTO(cs_freep) char *certificate = NULL;
    CS_AUTO(cs_freep) char *private = NULL;
    const char *uri, *at;
    int len, r = cs_setup_identity_uri(setup, &uri);

    if (r < 0)
        return r;
    at = strstr(uri, type);
    len = (int)(at ? at - uri : (ptrdiff_t)strlen(uri));
    at = at ? at + strlen(type) : "";
    certificate = cs_setup_text(setup, "%.*s%s;type=cert", len, uri, at);
    private = cs_setup_text(setup, "%.*s%s;type=private", len, uri, at);
    if (!certificate || !private)
        return CS_ERR_MEMORY;
    return quote(setup, key, certificate, private);
}

static int get_file(struct cs_setup *setup, struct key *key)
{
    char path[PATH_MAX];
    int r = cs_setup_reference(setup, path);

    return r < 0 || setup->plan.undo ? r : quote(setup, key, path, path);
}

/* With GnuTLS the key's URI, through p11-kit; with OpenSSL a file of references. */
static int get_key(struct cs_setup *setup, const char *name, struct key *key)
{
    char file[PATH_MAX] = "";
    const char *program = file;
    int r;

    *key = (struct key){.by_uri = uses_gnutls(name, file)};
    r = cs_setup_need(setup, key->by_uri ? "p11-kit" : "session");
    if (r == 0 && setup->plan.undo) {
        /* Both: the program may have changed since. */
        r = get_file(setup, key);
        return r < 0 ? r : cs_setup_rule(setup, NULL, 0);
    }
    if (r == 0)
        r = key->by_uri ? get_uris(setup, key) : get_file(setup, key);
    if (r == 0 && key->by_uri)
        r = cs_setup_rule(setup, &program, 1);
    return r;
}

static void curlrc(const struct cs_setup *setup, char path[PATH_MAX])
{
    const char *given = getenv("CURL_HOME");

    if (given && given[0] == '/') {
        snprintf(path, PATH_MAX, "%s/.curlrc", given);
        return;
    }
    snprintf(path, PATH_MAX, "%.*s/curlrc", PATH_MAX / 2, setup->config);
    if (access(path, F_OK) < 0)
        snprintf(path, PATH_MAX, "%.*s/.curlrc", PATH_MAX / 2, setup->home);
}

int cs_target_curl(struct cs_setup *setup)
{
    static const char *const rivals[] = {"cert", "E", "key", NULL};
    char path[PATH_MAX];
    struct key key;
    int r = get_key(setup, "curl", &key);

    curlrc(setup, path);
    if (r == 0)
        r = cs_setup_edit(setup, &cs_edit_block,
            cs_setup_text(setup, key.by_uri ? "cert = %s\nkey = %s\n" : "cert = %s\n",
                key.certificate, key.private),
            rivals, "%s", path);
    key_deinit(&key);
    if (r == 0)
        r = cs_setup_note(setup,
            "curl then shows the certificate to every https server that asks for one; 'curl "
            "--disable' does without.");
    return r;
}

static void gitconfig(const struct cs_setup *setup, char path[PATH_MAX])
{
    const char *given = getenv("GIT_CONFIG_GLOBAL");
    char second[PATH_MAX];

    if (given && given[0] == '/') {
        snprintf(path, PATH_MAX, "%s", given);
        return;
    }
    snprintf(path, PATH_MAX, "%.*s/.gitconfig", PATH_MAX / 2, setup->home);
    snprintf(second, sizeof(second), "%.*s/git/config", PATH_MAX / 2, setup->config);
    if (access(path, F_OK) < 0 && access(second, F_OK) == 0)
        snprintf(path, PATH_MAX, "%s", second);
}

int cs_target_git(struct cs_setup *setup)
{
    /* With a host it is for that alone, and git prefers it to what is for all. */
    static const char *const rivals[] = {"sslCert", "sslKey", NULL};
    char path[PATH_MAX];
    struct key key;
    const char *host = setup->host;
    int r = get_key(setup, "git", &key);

    gitconfig(setup, path);
    if (r == 0)
        r = cs_setup_edit(setup, &cs_edit_block,
            cs_setup_text(setup, "[http%s%s%s]\n\tsslCert = %s\n\tsslKey = %s\n",
                host ? " \"https://" : "", host ? host : "", host ? "/\"" : "", key.certificate,
                key.private),
            host ? NULL : rivals, "%s", path);
    key_deinit(&key);
    if (r == 0 && !host)
        r = cs_setup_note(setup,
            "git then shows the certificate to every https server that asks for one; with --host "
            "HOST to that server alone.");
    return r;
}

int cs_target_wget(struct cs_setup *setup)
{
    static const char *const rivals[] = {"certificate", "private_key", "privatekey", NULL};
    struct key key;
    int r = get_key(setup, "wget", &key);

    /* wget knows no quotes. */
    if (r == 0 && !setup->plan.undo) {
        key.certificate[strlen(key.certificate) - 1] = '\0';
        key.private[strlen(key.private) - 1] = '\0';
    }
    if (r == 0)
        r = cs_setup_edit(setup, &cs_edit_block,
            cs_setup_text(setup, "certificate = %s\nprivate_key = %s\n",
                key.certificate ? key.certificate + 1 : "", key.private ? key.private + 1 : ""),
            rivals, "%s/.wgetrc", setup->home);
    key_deinit(&key);
    return r;
}

int cs_target_python(struct cs_setup *setup)
{
    char path[PATH_MAX];
    int r = cs_setup_need(setup, "session");

    if (r == 0)
        r = cs_setup_reference(setup, path);
    if (r == 0)
        r = cs_setup_note(setup,
            "Then: ssl.create_default_context().load_cert_chain('%s'), or requests.get(url, "
            "cert='%s'); for pip: pip config set global.client-cert '%s'",
            path, path, path);
    return r;
}

int cs_target_node(struct cs_setup *setup)
{
    char path[PATH_MAX];
    int r = cs_setup_need(setup, "session");

    if (r == 0)
        r = cs_setup_reference(setup, path);
    if (r == 0)
        r = cs_setup_note(setup,
            "Then: const pem = fs.readFileSync('%s'); https.request(url, {cert: pem, key: pem})",
            path);
    return r;
}

int cs_target_nginx(struct cs_setup *setup)
{
    char path[PATH_MAX];
    CS_AUTO(cs_freep) char *quoted = NULL;
    int r = cs_setup_need(setup, "openssl");

    if (r == 0)
        r = cs_setup_reference(setup, path);
    quoted = r == 0 ? cs_setup_quoted(setup, path) : NULL;
    if (r == 0)
        r = cs_setup_own_file(setup,
            cs_setup_text(setup,
                "# Include this in a location or server that passes on to https:// servers.\n"
                "proxy_ssl_certificate %s;\n"
                "proxy_ssl_certificate_key %s;\n",
                quoted, quoted),
            "nginx.inc");
    if (r == 0)
        r = cs_setup_note(setup,
            "In nginx.conf: 'include %s/nginx.inc;' where you pass on to servers, and 'env "
            "OPENSSL_CONF;' at the top. The agent answers its own user alone: let nginx run as "
            "yours, with OPENSSL_CONF='%s/openssl.cnf' in its environment.",
            setup->own, setup->own);
    return r;
}

int cs_target_psql(struct cs_setup *setup)
{
    static const char *const names[] = {"postgresql.crt", "postgresql.key"};
    char path[PATH_MAX];
    int r = cs_setup_need(setup, "session");

    for (size_t i = 0; i < 2 && r == 0; i++) {
        snprintf(path, sizeof(path), "%.*s/.postgresql/%s", PATH_MAX / 2, setup->home, names[i]);
        r = cs_setup_reference_at(setup, path);
    }
    return r;
}
