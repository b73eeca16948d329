/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5280, 4.1, as far as we need it. Everything borrows from the DER. Called by view.c. */
#include "pkcs11/certificate.h"
#include "base/der.h"

#include <countersign/error.h>

#define TAG_BOOLEAN 0x01
#define TAG_SET 0x31
#define TAG_VERSION 0xa0
#define TAG_EXTENSIONS 0xa3

static const struct cs_bytes common_name = {(const uint8_t *)"\x55\x04\x03", 3};
static const struct cs_bytes basic_constraints = {(const uint8_t *)"\x55\x1d\x13", 3};

/* The next element must have this tag; whole gets all of it. */
static int take(struct cs_bytes *input, uint8_t tag, struct cs_bytes *whole)
{
    struct cs_der element;

    if (cs_der_next(input, &element) < 0 || element.tag != tag)
        return CS_ERR_PROTOCOL;
    *whole = element.whole;
    return 0;
}

static struct cs_bytes find_common_name(struct cs_bytes subject)
{
    struct cs_bytes found = {0}, names, set, pair, type;
    struct cs_der value;

    if (cs_der_expect(&subject, CS_DER_SEQUENCE, &names) < 0)
        return found;
    while (cs_der_expect(&names, (enum cs_der_tag)TAG_SET, &set) == 0)
        while (cs_der_expect(&set, CS_DER_SEQUENCE, &pair) == 0)
            if (cs_der_expect(&pair, CS_DER_OID, &type) == 0 && cs_bytes_equal(type, common_name) &&
                cs_der_next(&pair, &value) == 0)
                found = value.content;
    return found;
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, … } */
static bool says_authority(struct cs_bytes octets)
{
    struct cs_bytes constraints;
    struct cs_der ca;

    return cs_der_expect(&octets, CS_DER_SEQUENCE, &constraints) == 0 &&
           cs_der_next(&constraints, &ca) == 0 && ca.tag == TAG_BOOLEAN && ca.content.len == 1 &&
           ca.content.data[0] != 0;
}

/* What is left of the TBSCertificate behind the key. */
static bool find_authority(struct cs_bytes rest)
{
    struct cs_bytes list, extension, type;
    struct cs_der element;

    while (cs_der_next(&rest, &element) == 0) {
        if (element.tag != TAG_EXTENSIONS)
            continue;
        if (cs_der_expect(&element.content, CS_DER_SEQUENCE, &list) < 0)
            return false;
        while (cs_der_expect(&list, CS_DER_SEQUENCE, &extension) == 0) {
            if (cs_der_expect(&extension, CS_DER_OID, &type) < 0 ||
                !cs_bytes_equal(type, basic_constraints))
                continue;
            while (cs_der_next(&extension, &element) == 0)
                if (element.tag == CS_DER_OCTET_STRING)
                    return says_authority(element.content);
        }
    }
    return false;
}

int cs_certificate_read(struct cs_certificate *certificate, struct cs_bytes der)
{
    struct cs_certificate c = {.der = der};
    struct cs_bytes outer, tbs, signature, validity, dates;
    struct cs_der element;

    if (cs_der_expect(&der, CS_DER_SEQUENCE, &outer) < 0 || der.len != 0 ||
        cs_der_expect(&outer, CS_DER_SEQUENCE, &tbs) < 0)
        return CS_ERR_PROTOCOL;
    if (tbs.len > 0 && tbs.data[0] == TAG_VERSION && cs_der_next(&tbs, &element) < 0)
        return CS_ERR_PROTOCOL;
    if (take(&tbs, CS_DER_INTEGER, &c.serial) < 0 || take(&tbs, CS_DER_SEQUENCE, &signature) < 0 ||
        take(&tbs, CS_DER_SEQUENCE, &c.issuer) < 0 || take(&tbs, CS_DER_SEQUENCE, &validity) < 0 ||
        take(&tbs, CS_DER_SEQUENCE, &c.subject) < 0 || take(&tbs, CS_DER_SEQUENCE, &c.spki) < 0)
        return CS_ERR_PROTOCOL;
    if (cs_der_expect(&validity, CS_DER_SEQUENCE, &dates) < 0 || cs_der_next(&dates, &element) < 0)
        return CS_ERR_PROTOCOL;
    c.not_before = element.whole;
    if (cs_der_next(&dates, &element) < 0)
        return CS_ERR_PROTOCOL;
    c.not_after = element.whole;
    c.common_name = find_common_name(c.subject);
    c.is_authority = find_authority(tbs);
    *certificate = c;
    return 0;
}
