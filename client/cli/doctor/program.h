/* SPDX-License-Identifier: Apache-2.0 */
/* A program: which file of it speaks TLS, and by which library. Nothing is run. */
#ifndef CS_CLI_DOCTOR_PROGRAM_H
#define CS_CLI_DOCTOR_PROGRAM_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

enum cs_tls {
    CS_TLS_NONE,
    CS_TLS_OPENSSL,        /* libssl.so.3 or later */
    CS_TLS_OPENSSL_OLD,    /* 1.1 and before */
    CS_TLS_OPENSSL_STATIC, /* 3, in the program itself */
    CS_TLS_GNUTLS,
    CS_TLS_NSS,
    CS_TLS_JAVA,
    CS_TLS_BORINGSSL,
    CS_TLS_GO,
    CS_TLS_RUSTLS,
    CS_TLS_OTHER,
};

enum cs_sandbox { CS_SANDBOX_NONE, CS_SANDBOX_SNAP, CS_SANDBOX_FLATPAK };

struct cs_program {
    char path[PATH_MAX]; /* where the name was found */
    char file[PATH_MAX]; /* what speaks TLS: the program, its helper, its interpreter, a module */
    enum cs_tls tls;
    char library[PATH_MAX]; /* that it is linked to, or "" */
    enum cs_sandbox sandbox;
    bool shell_script; /* it starts other programs */
    bool set_id;       /* it has more rights than its user: the loader ignores the environment */
    bool alien;        /* for another kind of machine, or damaged */
};

/* name: a path, or a name to be found in PATH. CS_ERR_NOT_FOUND. */
int cs_program_look(struct cs_program *program, const char *name, struct cs_fault *fault);

/* "OpenSSL 3", "GnuTLS" ... */
const char *cs_tls_name(enum cs_tls tls);

#endif
