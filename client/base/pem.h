/* SPDX-License-Identifier: Apache-2.0 */
/* PEM (RFC 7468), and the reference block that stands for a private key in a PEM file. */
#ifndef CS_BASE_PEM_H
#define CS_BASE_PEM_H

#include "base/buf.h"

#define CS_PEM_REFERENCE "COUNTERSIGN KEY REFERENCE"
#define CS_PEM_REFERENCE_VERSION "Countersign Key Reference v1"
/* The block that pkcs11-provider's tools write; read, never written. */
#define CS_PEM_PKCS11_PROVIDER "PKCS#11 PROVIDER URI"

/* Appends one block with its label, 64 characters a line. */
void cs_pem_put(struct cs_buf *buf, const char *label, struct cs_bytes der);

/* Appends the body of a block, base64 with white space, decoded. CS_ERR_PROTOCOL when it is not
 * base64. */
int cs_pem_decode(struct cs_buf *buf, struct cs_bytes base64);

/*
 * The body of a reference: SEQUENCE { VisibleString version, UTF8String uri }. The URI is a
 * pkcs11: URI. get takes our block and pkcs11-provider's; uri is borrowed from der.
 */
void cs_pem_reference_put(struct cs_buf *buf, const char *uri);
int cs_pem_reference_get(struct cs_bytes der, struct cs_bytes *uri);

#endif
