/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one catalogue of errors.
 *
 * Functions return 0 or one of these negative codes. The same number, made positive, is the code
 * of an ERROR message on the socket and the reason code in OpenSSL's error queue, unless a sentence
 * has a reason code of its own there. What each code is called elsewhere (text, D-Bus name, CKR_
 * value, exit status) stands in one table, client/base/error.c. Codes are never renumbered: they
 * are part of the protocol.
 */
#ifndef COUNTERSIGN_ERROR_H
#define COUNTERSIGN_ERROR_H

enum countersign_error {
    CS_ERR_SYSTEM = -1,         /* a system call failed; the log has errno */
    CS_ERR_MEMORY = -2,         /* out of memory */
    CS_ERR_INVALID = -3,        /* an argument that can never be right */
    CS_ERR_PROTOCOL = -4,       /* a message that breaks the protocol */
    CS_ERR_UNSUPPORTED = -5,    /* a message or an operation that the other side does not know */
    CS_ERR_VERSION = -6,        /* no protocol version in common */
    CS_ERR_TOO_LARGE = -7,      /* over the size limit */
    CS_ERR_BUSY = -8,           /* over a limit of clients or requests; try again later */
    CS_ERR_NO_AGENT = -9,       /* no agent answers at the socket */
    CS_ERR_WRONG_USER = -10,    /* the socket, or the caller, belongs to another user */
    CS_ERR_NOT_FOUND = -11,     /* no such identity, token or certificate */
    CS_ERR_AMBIGUOUS = -12,     /* several match; the text lists them */
    CS_ERR_LOCKED = -13,        /* the token is locked and nobody could be asked for the PIN */
    CS_ERR_PIN_INCORRECT = -14, /* the token refused the PIN */
    CS_ERR_PIN_BLOCKED = -15,   /* the token accepts no PIN any more */
    CS_ERR_PIN_FINAL_TRY =
        -16,                   /* one more wrong PIN blocks the token: refused unless insisted on */
    CS_ERR_CANCELLED = -17,    /* the person said no, or closed the dialog */
    CS_ERR_TIMEOUT = -18,      /* nobody and nothing answered in time */
    CS_ERR_DENIED = -19,       /* policy says no */
    CS_ERR_TOKEN_ABSENT = -20, /* the token was pulled or never there */
    CS_ERR_TOKEN_FAILED = -21, /* the token or its module reported a failure */
    CS_ERR_MODULE_FAILED = -22, /* the module could not be loaded, crashed or hung */
    CS_ERR_SCHEME = -23,        /* the key cannot sign in this scheme */
    CS_ERR_KEY_MISMATCH = -24,  /* private key and certificate do not belong together */
    CS_ERR_CONFIG = -25,        /* a configuration file is wrong; the text names file and line */
    CS_ERR_CLOSED = -26,        /* the other side closed the connection before it answered */
};

#endif
