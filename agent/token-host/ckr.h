/* SPDX-License-Identifier: Apache-2.0 */
/* What a module's return codes mean: an error of the catalogue, and a sentence. */
#ifndef CS_TOKEN_HOST_CKR_H
#define CS_TOKEN_HOST_CKR_H

#include "base/error.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* A sentence, and the module's code behind it if there is one. */
struct cs_failure {
    struct cs_fault fault;
    CK_RV rv;
};

/* "CKR_PIN_INCORRECT"; of a code no standard knows "CKR_VENDOR_DEFINED" or "an unknown code". */
const char *cs_ckr_name(CK_RV rv);
int cs_ckr_code(CK_RV rv);
const char *cs_ckr_text(CK_RV rv);

/* The session or a handle has died: reopen, find again, and try once more. */
bool cs_ckr_is_stale(CK_RV rv);
/* The PIN was looked at and refused. */
bool cs_ckr_is_refused(CK_RV rv);
/* What a card or a network fails once and does when it is asked again. */
bool cs_ckr_is_passing(CK_RV rv);
/* It says nothing of the call, but that the device or the whole module does not work. */
bool cs_ckr_is_breakdown(CK_RV rv);

/* Fills failure with "token 'NAME': sentence (CKR_X)" and returns the error. */
int cs_ckr_fail(struct cs_failure *failure, CK_RV rv, const char *token);

#endif
