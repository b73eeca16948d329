/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the CONFIGURE message and matches its PIN sources with tokens. */
#include "token-host/configuration.h"
#include "token-host/token-info.h"
#include "base/cleanup.h"
#include "base/uri.h"

#include <countersign/error.h>
#include <p11-kit/uri.h>
#include <string.h>

int cs_configuration_take(struct cs_configuration *configuration, struct cs_bytes body)
{
    if (configuration->given)
        return CS_ERR_PROTOCOL;
    configuration->body = CS_BUF_INIT(body.len);
    cs_buf_put(&configuration->body, body.data, body.len);
    if (configuration->body.error)
        return configuration->body.error;
    configuration->given = true;
    return cs_host_configure_get(cs_buf_bytes(&configuration->body), &configuration->m);
}

static bool uri_matches(const char *text, const CK_TOKEN_INFO *info)
{
    P11KitUri *uri = p11_kit_uri_new();
    bool matches = uri && p11_kit_uri_parse(text, P11_KIT_URI_FOR_TOKEN, uri) == P11_KIT_URI_OK &&
                   p11_kit_uri_match_token_info(uri, info) == 1;

    p11_kit_uri_free(uri);
    return matches;
}

static bool is_for(const struct cs_host_pin_source *source, const CK_TOKEN_INFO *info)
{
    struct cs_bytes name = source->token;
    CS_AUTO(cs_freep) char *string = cs_bytes_dup(name);

    if (name.len == 0)
        return true;
    if (string && cs_uri_is(string))
        return uri_matches(string, info);
    return cs_bytes_equal(CS_TOKEN_INFO_TEXT(info->label), name) ||
           cs_bytes_equal(CS_TOKEN_INFO_TEXT(info->serialNumber), name);
}

const struct cs_host_pin_source *cs_configuration_source(
    const struct cs_configuration *configuration, const CK_TOKEN_INFO *info, uint32_t *ip)
{
    while (*ip < configuration->m.n_sources) {
        const struct cs_host_pin_source *source = &configuration->m.sources[(*ip)++];

        if (is_for(source, info))
            return source;
    }
    return NULL;
}
