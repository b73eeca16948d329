/* SPDX-License-Identifier: Apache-2.0 */
/* PEM (RFC 7468), and the reference block that stands for a private key in a PEM file. */
#ifndef CS_BASE_PEM_H
#define CS_BASE_PEM_H

#include "base/buf.h"

#define CS_PEM_REFERENCE "COUNTERSIGN KEY REFERENCE"
#define CS_PEM_REFERENCE_VERSION "Countersign Key Reference v2"
#define CS_PEM_REFERENCE_VERSION_1 "Countersign Key Reference v1"
/* The block that pkcs11-provider's tools write; read, never written. */
#define CS_PEM_PKCS11_PROVIDER "PKCS#11 PROVIDER URI"

/* Appends one block with its label, 64 characters a line. */
void cs_pem_put(struct cs_buf *buf, const char *label, struct cs_bytes der);

/* Appends the body of a block, base64 with white space, decoded. CS_ERR_PROTOCOL when it is not
 * base64. */
int cs_pem_decode(struct cs_buf *buf, struct cs_bytes base64);

/*
 * The body of a reference; PROTOCOL.md has its ASN.1. Version 2 says which key it is and what its
 * public half is, so that it can be loaded without asking anybody. Version 1 and pkcs11-provider's
 * block have the URI alone: then id and spki are empty.
 */
struct cs_pem_reference {
    struct cs_bytes uri;  /* a pkcs11: URI, without zeros */
    struct cs_bytes id;   /* CS_ID_SIZE octets */
    struct cs_bytes spki; /* DER SubjectPublicKeyInfo; a SEQUENCE is all that get promises */
};

/* Writes version 2, or 1 if there is no id. */
void cs_pem_reference_put(struct cs_buf *buf, const struct cs_pem_reference *reference);
/* CS_ERR_PROTOCOL when it is none. What it gives is borrowed from der. */
int cs_pem_reference_get(struct cs_bytes der, struct cs_pem_reference *reference);

#endif
