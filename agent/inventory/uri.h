/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs11: URIs (RFC 7512), written and matched with p11-kit. */
#ifndef CS_AGENT_URI_H
#define CS_AGENT_URI_H

#include "inventory/token.h"

#include <p11-kit/uri.h>

/* Strings that the caller frees, NULL when there is no memory. */
char *cs_uri_of_token(const struct cs_token *token);
/* type is "private" or "cert". */
char *cs_uri_of_object(
    const struct cs_token *token, struct cs_bytes label, struct cs_bytes cka_id, const char *type);

/* CS_ERR_INVALID with a sentence; what *urip gets is freed with p11_kit_uri_free. */
int cs_uri_parse(const char *text, P11KitUri **urip, struct cs_fault *fault);
CS_DEFINE_CLEANUP(P11KitUri *, p11_kit_uri_free);

/* Whether all that is in it is a property of tokens and their objects, and known. */
bool cs_uri_is_about_keys(P11KitUri *uri);
/* Whether the attributes of tokens in the URI fit; those of slots, libraries and PINs are no part
 * of it. */
bool cs_uri_fits_token(P11KitUri *uri, const struct cs_token *token);
/* Whether object= and id= fit. */
bool cs_uri_fits_object(P11KitUri *uri, const struct cs_object *object);
bool cs_uri_fits_id(P11KitUri *uri, struct cs_bytes cka_id);
bool cs_uri_fits_label(P11KitUri *uri, struct cs_bytes label);
bool cs_uri_has_label(P11KitUri *uri);
bool cs_uri_has_id(P11KitUri *uri);

#endif
