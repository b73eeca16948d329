/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the program: the script is brought up to date, the call is counted, rules are played,
 * its slot or session is found; and at the end there is a line in the log. entry.c wraps every
 * function in begin and end.
 */
#include "call.h"

#include "control.h"
#include "inject.h"
#include "log.h"
#include "module.h"
#include "operation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static atomic_uint n_calls;
static atomic_int last_function;
static atomic_bool single;

void fault_call_set_single(bool is_single)
{
    atomic_store(&single, is_single);
}

static void check_overlap(const struct fault_call *call, unsigned n_others, int other)
{
    if (n_others > 0 && (single || fault_control_script()->single_thread))
        fault_log("!overlap function=%s other=%s", fault_function_name(call->function),
            fault_function_name((enum fault_function)other));
}

/* Finds what the call is about, as far as it is there. */
static void find(struct fault_call *call)
{
    fault_session_unref(call->session);
    call->session = NULL;
    call->slot = NULL;
    if (call->on == FAULT_ON_SLOT || call->on == FAULT_ON_ANY_SLOT) {
        call->slot = fault_slot_find(call->id);
    } else if (call->on != FAULT_ON_NOTHING) {
        call->session = fault_session_get(call->id);
        call->slot = call->session ? call->session->slot : NULL;
    }
}

static CK_RV check(const struct fault_call *call)
{
    if (call->on == FAULT_ON_SLOT)
        return fault_slot_check(call->slot);
    if (call->on != FAULT_ON_SESSION && call->on != FAULT_ON_ANY_SESSION)
        return CKR_OK;
    if (!call->session)
        return CKR_SESSION_HANDLE_INVALID;
    return call->on == FAULT_ON_SESSION ? call->session->dead : CKR_OK;
}

/* Counts the call in the rules and plays them. */
static CK_RV inject(struct fault_call *call)
{
    struct fault_plan plan =
        fault_inject_plan(call->function, call->slot ? &call->slot->spec.id : NULL);
    bool after;
    CK_RV rv;

    if (fault_inject_waits(&plan)) {
        fault_call_pause(call);
        fault_inject_play(&plan, call->function);
        rv = fault_control_enter();
        if (rv != CKR_OK)
            return rv;
        call->entered = true;
        find(call);
    }
    rv = fault_inject_rv(&plan, &after);
    if (rv != CKR_OK && !after) {
        fault_operation_failed(call->function, call->session, rv);
        return rv;
    }
    call->answer = rv;
    return CKR_OK;
}

CK_RV fault_call_begin(
    struct fault_call *call, enum fault_function function, enum fault_call_on on, CK_ULONG id)
{
    unsigned n_others = atomic_fetch_add(&n_calls, 1);
    int other = atomic_exchange(&last_function, (int)function);
    CK_RV rv;

    memset(call, 0, sizeof(*call));
    call->function = function;
    call->on = on;
    call->id = id;
    call->start = fault_log_now();
    call->logged = true;
    rv = fault_control_enter();
    if (rv != CKR_OK)
        return rv;
    call->entered = true;
    call->logged = !fault_control_script()->no_log;
    check_overlap(call, n_others, other);
    find(call);
    rv = inject(call);
    if (rv == CKR_OK)
        rv = check(call);
    if (rv == CKR_OK && call->session)
        fault_operation_seen(call->function, call->session);
    return rv;
}

void fault_call_pause(struct fault_call *call)
{
    call->entered = false;
    fault_control_leave();
}

CK_RV fault_call_resume(struct fault_call *call)
{
    CK_RV rv = fault_control_enter();

    if (rv != CKR_OK)
        return rv;
    call->entered = true;
    return check(call);
}

void fault_call_note(struct fault_call *call, const char *format, ...)
{
    size_t len = strlen(call->note);
    va_list args;

    va_start(args, format);
    vsnprintf(call->note + len, sizeof(call->note) - len, format, args);
    va_end(args);
}

static void write_line(const struct fault_call *call, bool has_slot, CK_SLOT_ID slot, CK_RV rv)
{
    char where[64] = "";
    int n = 0;

    if (has_slot)
        n = snprintf(where, sizeof(where), " slot=%lu", slot);
    if (call->on == FAULT_ON_SESSION || call->on == FAULT_ON_ANY_SESSION)
        snprintf(where + n, sizeof(where) - (size_t)n, " session=%lu", call->id);
    fault_log("%s%s rv=%s us=%lu%s", fault_function_name(call->function), where, fault_rv_name(rv),
        (unsigned long)(fault_log_now() - call->start), call->note);
}

CK_RV fault_call_end(struct fault_call *call, CK_RV rv)
{
    bool has_slot = call->slot || call->on == FAULT_ON_SLOT || call->on == FAULT_ON_ANY_SLOT;
    CK_SLOT_ID slot = call->id;

    if (call->answer != CKR_OK) {
        rv = call->answer;
        if (call->entered)
            fault_operation_failed(call->function, call->session, rv);
    }
    if (call->entered) {
        if (call->slot)
            slot = call->slot->spec.id;
        fault_call_pause(call);
    } else {
        has_slot = call->on == FAULT_ON_SLOT || call->on == FAULT_ON_ANY_SLOT;
    }
    fault_session_unref(call->session);
    if (call->logged)
        write_line(call, has_slot, slot, rv);
    atomic_fetch_sub(&n_calls, 1);
    return rv;
}
