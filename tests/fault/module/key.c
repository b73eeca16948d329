/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object handles, and keys that want a PIN for every use.
 *
 * The program's handle of an object is SoftHSM's with the slot's epoch in the upper bits, so that
 * handles from before a token was pulled or a machine slept are known as dead, though SoftHSM's own
 * would still be good.
 */
#include "key.h"

#include "module.h"
#include "operation.h"

#include <string.h>

#define EPOCH_SHIFT 40

CK_RV fault_key_in(struct fault_call *call, CK_OBJECT_HANDLE *handle, CK_RV wrong)
{
    if (*handle >> EPOCH_SHIFT != call->slot->epoch)
        return wrong;
    *handle &= (1UL << EPOCH_SHIFT) - 1;
    return CKR_OK;
}

CK_RV fault_key_out(struct fault_call *call, CK_OBJECT_HANDLE *handle, CK_RV rv)
{
    if (rv == CKR_OK && *handle != CK_INVALID_HANDLE)
        *handle |= (CK_OBJECT_HANDLE)call->slot->epoch << EPOCH_SHIFT;
    return rv;
}

static bool is_chosen(const struct fault_spec *spec, const unsigned char *label, size_t len)
{
    for (size_t i = 0; i < spec->n_labels; i++) {
        if (spec->labels[i].len == len && memcmp(spec->labels[i].data, label, len) == 0)
            return true;
    }
    return spec->always_authenticate;
}

/* Whether the key wants a PIN for every use by the script. */
static bool wants_pin(const struct fault_call *call, CK_OBJECT_HANDLE key)
{
    const struct fault_spec *spec = &call->slot->spec;
    CK_OBJECT_CLASS class = 0;
    unsigned char label[256];
    CK_ATTRIBUTE attributes[] = {
        {CKA_CLASS, &class, sizeof(class)}, {CKA_LABEL, label, sizeof(label)}};

    if (!spec->always_authenticate && !spec->n_labels)
        return false;
    if (REAL(C_GetAttributeValue)(call->session->handle, key, attributes, 2) != CKR_OK)
        return false;
    return class == CKO_PRIVATE_KEY && is_chosen(spec, label, attributes[1].ulValueLen);
}

CK_RV fault_key_knows(const struct fault_call *call, const CK_MECHANISM *mechanism, CK_RV rv)
{
    bool is_pss = mechanism && mechanism->mechanism == CKM_RSA_PKCS_PSS;

    return is_pss && call->slot->spec.no_pss ? CKR_MECHANISM_INVALID : rv;
}

CK_RV fault_key_begun(struct fault_call *call, CK_OBJECT_HANDLE key, CK_RV rv)
{
    if (rv == CKR_OK)
        call->session->job = wants_pin(call, key) ? FAULT_JOB_ASKS : FAULT_JOB_FREE;
    return rv;
}

CK_RV fault_key_use(struct fault_call *call)
{
    if (call->session->job == FAULT_JOB_FREE || call->session->job == FAULT_JOB_ALLOWED)
        return CKR_OK;
    fault_operation_drop(call->session);
    return CKR_USER_NOT_LOGGED_IN;
}

CK_RV fault_key_used(struct fault_call *call, CK_RV rv, bool only_length)
{
    if (rv != CKR_BUFFER_TOO_SMALL && !(rv == CKR_OK && only_length))
        call->session->job = FAULT_JOB_FREE;
    return rv;
}

CK_RV fault_key_shown(struct fault_call *call, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *attributes,
    CK_ULONG n_attributes, CK_RV rv)
{
    for (CK_ULONG i = 0; attributes && i < n_attributes; i++) {
        CK_ATTRIBUTE *attribute = &attributes[i];

        if (attribute->type == CKA_ALWAYS_AUTHENTICATE && attribute->pValue &&
            attribute->ulValueLen == sizeof(CK_BBOOL) && wants_pin(call, key))
            *(CK_BBOOL *)attribute->pValue = CK_TRUE;
        if (attribute->type == CKA_ALWAYS_AUTHENTICATE && call->slot->spec.terse)
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
    }
    return rv;
}
