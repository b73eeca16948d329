/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader's keypad. A call that needs a PIN writes "@keypad slot=ID" to the log and waits for
 * the file keypad-ID in the control directory, put there by rename, which says one of pin PIN what
 * was typed pin OLD NEW       for C_SetPIN cancel            CKR_FUNCTION_CANCELED and is taken
 * away. Nothing is held meanwhile, so the token may be pulled: CKR_DEVICE_REMOVED.
 */
#include "keypad.h"

#include "control.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

#define POLL_MS 10

static bool take_pin(const char *word, struct fault_pin *pin)
{
    if (!word || strlen(word) >= sizeof(pin->data))
        return false;
    pin->len = strlen(word);
    memcpy(pin->data, word, pin->len);
    return true;
}

static CK_RV understand(char *text, struct fault_pin *first, struct fault_pin *second)
{
    char *rest;
    const char *verb = strtok_r(text, " \n", &rest);

    if (verb && strcmp(verb, "cancel") == 0)
        return CKR_FUNCTION_CANCELED;
    if (verb && strcmp(verb, "pin") == 0 && take_pin(strtok_r(NULL, " \n", &rest), first) &&
        (!second || take_pin(strtok_r(NULL, " \n", &rest), second)))
        return CKR_OK;
    fault_log("!keypad nothing that can be typed");
    return CKR_GENERAL_ERROR;
}

/* Waits with the call paused, and resumes it. */
static CK_RV wait_for(struct fault_call *call, const char *name, char *text, size_t size)
{
    CK_ULONG timeout = call->slot->spec.keypad_timeout;
    CK_ULONG delay = call->slot->spec.keypad_delay;
    CK_ULONG waited = 0;
    CK_RV rv;

    for (;;) {
        bool typed;

        fault_call_pause(call);
        typed = fault_control_take(name, text, size);
        fault_control_sleep(typed ? delay : POLL_MS);
        rv = fault_call_resume(call);
        if (rv != CKR_OK)
            return call->entered ? CKR_DEVICE_REMOVED : rv;
        if (typed)
            return CKR_OK;
        waited += POLL_MS;
        if (timeout && waited >= timeout)
            return CKR_FUNCTION_CANCELED;
    }
}

CK_RV fault_keypad_read(struct fault_call *call, struct fault_pin *first, struct fault_pin *second)
{
    char name[32], text[1024];
    CK_RV rv;

    snprintf(name, sizeof(name), "keypad-%lu", call->slot->spec.id);
    fault_log(
        "@keypad slot=%lu function=%s", call->slot->spec.id, fault_function_name(call->function));
    rv = wait_for(call, name, text, sizeof(text));
    if (rv == CKR_OK)
        rv = understand(text, first, second);
    explicit_bzero(text, sizeof(text));
    return rv;
}
