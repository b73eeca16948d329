/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be established about bytes that are to be signed. A pure function: no I/O, no memory
 * of its own; everything in the result borrows from the message.
 *
 * A proof says what the signature can be used for. It does not say who will use it: a program
 * that has the user's rights can make any of these messages up. What it can not do is to have a
 * document, a mail or a server's handshake signed under the name of one.
 */
#ifndef CS_AGENT_PROOF_H
#define CS_AGENT_PROOF_H

#include "base/buf.h"

enum cs_proof_kind {
    CS_PROOF_DATA,         /* anything else: nothing is known */
    CS_PROOF_DIGEST,       /* a bare hash: nothing can be known */
    CS_PROOF_TLS13_CLIENT, /* RFC 8446, 4.4.3: the content covered by a client's CertificateVerify
                            */
    CS_PROOF_TLS12_CLIENT, /* RFC 5246, 7.4.8: a whole handshake up to a client's CertificateVerify
                            */
    CS_PROOF_CSR,          /* RFC 2986: a CertificationRequestInfo for this very key */
};

/* The key that is asked to sign. */
struct cs_proof_key {
    struct cs_bytes spki; /* DER SubjectPublicKeyInfo */
    uint16_t scheme;      /* the TLS SignatureScheme it is to sign in */
    /* Whether a DER certificate is one of this key's own. */
    bool (*owns)(const void *context, struct cs_bytes certificate);
    const void *context;
    /* Whether a DER certificate is of a server of this name, which is not empty. */
    bool (*names)(struct cs_bytes certificate, struct cs_bytes server);
};

struct cs_proof {
    enum cs_proof_kind kind;
    /* tls12-client only; each empty when the handshake has none. */
    struct cs_bytes server_name;        /* host_name of the ClientHello: visible ASCII */
    struct cs_bytes server_certificate; /* DER */
    struct cs_bytes issuers;     /* certificate_authorities: DER names, each with a u16 length */
    bool extended_master_secret; /* RFC 7627: the signature is bound to this one connection */
    /* csr only */
    struct cs_bytes subject; /* DER Name */
};

struct cs_proof cs_proof_of_message(struct cs_bytes message, const struct cs_proof_key *key);

/* "tls13-client", "tls12-client", "csr", "digest", "data". */
const char *cs_proof_name(enum cs_proof_kind kind);

/* The parsers behind it, one a file. Each is strict: a byte too few or too many and it is no proof.
 */
bool cs_proof_tls13(struct cs_bytes message);
bool cs_proof_tls12(
    struct cs_bytes message, const struct cs_proof_key *key, struct cs_proof *proof);
bool cs_proof_csr(struct cs_bytes message, const struct cs_proof_key *key, struct cs_proof *proof);

#endif
