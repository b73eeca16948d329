/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has only an address sends no name. The address would not do in its place: behind a
 * proxy it is the proxy's, and curl lets nobody see its socket. The certificate has been shown, and
 * its key been proven, before a client has to choose its own. Used by present.c.
 */
#include "preload/server.h"
#include "base/hex.h"
#include "base/sha2.h"

#include <string.h>

#define SHOWN 16 /* octets of the hash */

static void name_by_hash(const unsigned char *der, size_t len, char room[CS_SERVER_NAME])
{
    uint8_t digest[CS_SHA2_MAX];
    struct cs_sha2 sha2;

    cs_sha2_init(&sha2, CS_HASH_SHA256);
    cs_sha2_update(&sha2, der, len);
    cs_sha2_final(&sha2, digest);
    strcpy(room, CS_HOST_BY_CERTIFICATE);
    cs_hex_write(digest, SHOWN, room + strlen(CS_HOST_BY_CERTIFICATE));
}

const char *cs_server_name(const struct cs_libssl *openssl, SSL *ssl, char room[CS_SERVER_NAME])
{
    const char *name = openssl->SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const X509 *certificate = name ? NULL : openssl->SSL_get0_peer_certificate(ssl);
    unsigned char *der = NULL;
    int len = certificate ? openssl->i2d_X509(certificate, &der) : 0;

    if (len <= 0)
        return name;
    name_by_hash(der, (size_t)len, room);
    openssl->CRYPTO_free(der, __FILE__, __LINE__);
    return room;
}
