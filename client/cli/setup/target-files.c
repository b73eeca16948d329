/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that take a certificate and a key by the names of files, or by a URI. */
#include "cli/setup/targets.h"
#include "base/cleanup.h"
#include "cli/doctor/program.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

/* How a program is to be told of the key. */
struct key {
    bool by_uri;
    char *certificate, *private;
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

/* A file of references, for OpenSSL as the key, too. With GnuTLS the key is a URI, through p11-kit;
 * and the certificate the file, because with a URI GnuTLS sends it without its chain. */
static int get_key(struct cs_setup *setup, struct key *key, bool by_uri)
{
    char path[PATH_MAX];
    const char *private = path;
    int r = cs_setup_need(setup, by_uri ? "p11-kit" : "session");

    *key = (struct key){.by_uri = by_uri};
    if (r == 0)
        r = cs_setup_reference(setup, path);
    if (r == 0 && by_uri)
        r = cs_setup_identity_uri(setup, &private);
    if (r < 0 || setup->plan.undo)
        return r;
    key->certificate = strdup(path);
    key->private = strdup(private);
    return key->certificate && key->private ? 0 : CS_ERR_MEMORY;
}

/* For programs whose settings stand in double quotes. */
static int quote_key(const struct cs_setup *setup, struct key *key)
{
    struct key plain = *key;

    if (setup->plan.undo)
        return 0;
    key->certificate = cs_setup_quoted(setup, plain.certificate);
    key->private = cs_setup_quoted(setup, plain.private);
    key_deinit(&plain);
    return key->certificate && key->private ? 0 : CS_ERR_MEMORY;
}

/* In the way that the program can take it. */
static int get_key_for(struct cs_setup *setup, const char *name, struct key *key)
{
    char file[PATH_MAX] = "";
    const char *program = file;
    int r = get_key(setup, key, uses_gnutls(name, file));

    /* Undone in any case: the program may have changed since. */
    return r < 0 || (!key->by_uri && !setup->plan.undo) ? r : cs_setup_rule(setup, &program, 1);
}

/*
 * The files that a program may take its settings from. Setup writes into the one that it reads now;
 * what was written is taken back from whichever has it, for another may be read since.
 */
struct places {
    char paths[4][PATH_MAX];
    size_t n;
    size_t chosen; /* to be written */
};

static void __attribute__((format(printf, 2, 3)))
add_place(struct places *places, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(places->paths[places->n++], PATH_MAX, format, args);
    va_end(args);
}

/* By a variable, if it is set. */
static bool add_place_of(struct places *places, const char *variable, const char *below)
{
    const char *given = getenv(variable);

    if (!given || given[0] != '/')
        return false;
    add_place(places, "%.*s%s", PATH_MAX / 2, given, below);
    return true;
}

/* The first that is there, else a fresh one. */
static void choose_place(struct places *places, size_t fresh)
{
    places->chosen = fresh;
    for (size_t i = places->n; i-- > 0;)
        if (access(places->paths[i], F_OK) == 0)
            places->chosen = i;
}

/* By name, or by links. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;

    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* Takes content. */
static int edit_place(
    struct cs_setup *setup, const struct places *places, char *content, const char *const *rivals)
{
    int r = 0;

    if (!setup->plan.undo)
        return cs_setup_edit(
            setup, &cs_edit_block, content, rivals, "%s", places->paths[places->chosen]);
    for (size_t i = 0; i < places->n && r == 0; i++) {
        bool again = false;

        for (size_t j = 0; j < i && !again; j++)
            again = is_same_file(places->paths[i], places->paths[j]);
        if (!again)
            r = cs_setup_edit(setup, &cs_edit_block, NULL, NULL, "%s", places->paths[i]);
    }
    return r;
}

/* Where XDG_CONFIG_HOME is set, curl looks there before ~, for the name with the dot before 8.10
 * and without it from then on; where it is not, into ~/.config after ~, and without the dot. */
static void curl_places(const struct cs_setup *setup, struct places *places, bool dot)
{
    bool has_config = getenv("XDG_CONFIG_HOME");
    bool has_home = add_place_of(places, "CURL_HOME", "/.curlrc");
    size_t fresh;

    if (has_config)
        add_place(places, "%s/%scurlrc", setup->config, dot ? "." : "");
    fresh = has_home ? 0 : places->n;
    add_place(places, "%s/.curlrc", setup->home);
    if (!has_config || setup->plan.undo)
        add_place(places, "%s/curlrc", setup->config);
    choose_place(places, fresh);
}

static int edit_curlrc(struct cs_setup *setup, const struct places *places, const struct key *key)
{
    static const char *const rivals[] = {"cert", "E", "key", NULL};

    return edit_place(setup, places,
        cs_setup_text(setup, key->by_uri ? "cert = %s\nkey = %s\n" : "cert = %s\n",
            key->certificate, key->private),
        rivals);
}

/* Right for every curl, so that the next upgrade changes nothing: mostly that is one file. */
int cs_target_curl(struct cs_setup *setup)
{
    struct places with_dot = {0}, without = {0};
    struct key key;
    int r = get_key_for(setup, "curl", &key);

    curl_places(setup, &with_dot, true);
    curl_places(setup, &without, false);
    if (r == 0)
        r = quote_key(setup, &key);
    if (r == 0)
        r = edit_curlrc(setup, &with_dot, &key);
    if (r == 0 && !setup->plan.undo &&
        !is_same_file(with_dot.paths[with_dot.chosen], without.paths[without.chosen]))
        r = edit_curlrc(setup, &without, &key);
    key_deinit(&key);
    if (r == 0)
        r = cs_setup_note(setup,
            "curl then shows the certificate to every https server that asks for one; 'curl "
            "--disable' does without.");
    return r;
}

static void git_places(const struct cs_setup *setup, struct places *places)
{
    bool given = add_place_of(places, "GIT_CONFIG_GLOBAL", "");

    add_place(places, "%s/.gitconfig", setup->home);
    add_place(places, "%s/git/config", setup->config);
    if (!given)
        choose_place(places, 0);
}

int cs_target_git(struct cs_setup *setup)
{
    /* With a host it is for that alone, and git prefers it to what is for all. */
    static const char *const rivals[] = {"sslCert", "sslKey", NULL};
    struct places places = {0};
    struct key key;
    const char *host = setup->host;
    int r = get_key_for(setup, "git", &key);

    git_places(setup, &places);
    if (r == 0)
        r = quote_key(setup, &key);
    if (r == 0)
        r = edit_place(setup, &places,
            cs_setup_text(setup, "[http%s%s%s]\n\tsslCert = %s\n\tsslKey = %s\n",
                host ? " \"https://" : "", host ? host : "", host ? "/\"" : "", key.certificate,
                key.private),
            host ? NULL : rivals);
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
    struct places places = {0};
    struct key key;
    int r = get_key_for(setup, "wget", &key);

    add_place_of(&places, "WGETRC", "");
    add_place(&places, "%s/.wgetrc", setup->home);
    if (r == 0)
        r = edit_place(setup, &places,
            cs_setup_text(
                setup, "certificate = %s\nprivate_key = %s\n", key.certificate, key.private),
            rivals);
    key_deinit(&key);
    return r;
}

int cs_target_openconnect(struct cs_setup *setup)
{
    static const char *const programs[] = {"/usr/sbin/openconnect", "/usr/bin/openconnect",
        "/usr/lib/NetworkManager/nm-openconnect-auth-dialog",
        "/usr/libexec/nm-openconnect-auth-dialog"};
    struct key key;
    int r = get_key(setup, &key, true);

    if (r == 0)
        r = cs_setup_rule(setup, programs, sizeof(programs) / sizeof(programs[0]));
    if (r == 0)
        r = cs_setup_own_file(setup,
            cs_setup_text(setup, "certificate = %s\nsslkey = %s\n", key.certificate, key.private),
            "openconnect.options");
    key_deinit(&key);
    if (r == 0)
        r = cs_setup_note(setup,
            "The agent answers its own user alone, so let openconnect run as yours, with a device "
            "that root has made for it: sudo ip tuntap add vpn0 mode tun user $USER; openconnect "
            "--config '%s/openconnect.options' --interface vpn0 --script 'sudo -E "
            "/usr/share/vpnc-scripts/vpnc-script' https://HOST",
            setup->own);
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
