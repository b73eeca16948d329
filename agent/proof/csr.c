/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS #10 request (RFC 2986, 4.1): CertificationRequestInfo ::= SEQUENCE { version INTEGER (0),
 * subject Name, subjectPKInfo SubjectPublicKeyInfo, attributes [0] }, where the public key is that
 * of the key that signs. A TBSCertificate of version 1 with serial number 0 begins alike; the
 * subject tells them apart, since a Name holds SETs and an AlgorithmIdentifier an OID.
 */
#include "base/der.h"
#include "proof/proof.h"

#define SET 0x31
#define ATTRIBUTES 0xa0

static bool is_name(struct cs_bytes name)
{
    struct cs_der rdn;

    while (name.len)
        if (cs_der_next(&name, &rdn) < 0 || rdn.tag != SET)
            return false;
    return true;
}

bool cs_proof_csr(struct cs_bytes message, const struct cs_proof_key *key, struct cs_proof *proof)
{
    struct cs_bytes info, version;
    struct cs_der subject, spki, attributes;

    if (cs_der_expect(&message, CS_DER_SEQUENCE, &info) < 0 || message.len != 0)
        return false;
    if (cs_der_expect(&info, CS_DER_INTEGER, &version) < 0 || version.len != 1 ||
        version.data[0] != 0)
        return false;
    if (cs_der_next(&info, &subject) < 0 || subject.tag != CS_DER_SEQUENCE ||
        !is_name(subject.content))
        return false;
    if (cs_der_next(&info, &spki) < 0 || !cs_bytes_equal(spki.whole, key->spki))
        return false;
    if (cs_der_next(&info, &attributes) < 0 || attributes.tag != ATTRIBUTES || info.len != 0)
        return false;
    proof->subject = subject.whole;
    return true;
}
