/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SoftHSM under us, and starting and ending. SoftHSM is loaded at the first C_Initialize and stays
 * for good: its destructors do not bear being run early. It always gets its own locking, whatever
 * the program asked for, so that a program that overlaps calls against its word is caught by the
 * log and not by a crash in SoftHSM.
 */
#include "module.h"

#include "call.h"
#include "control.h"
#include "inject.h"
#include "log.h"
#include "login.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST *real;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t initialized_by;

const CK_FUNCTION_LIST *fault_module_real(void)
{
    return real;
}

static bool load_real(void)
{
    const char *path = getenv("COUNTERSIGN_FAULT_MODULE");
    CK_C_GetFunctionList get_list;
    void *library;

    if (real)
        return true;
    library = dlopen(path ? path : SOFTHSM, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        fault_log("!load %s", dlerror());
        return false;
    }
    *(void **)&get_list = dlsym(library, "C_GetFunctionList");
    return get_list && get_list(&real) == CKR_OK;
}

static const char *directory_of(const CK_C_INITIALIZE_ARGS *args)
{
    const char *reserved = args ? args->pReserved : NULL;

    if (reserved && strncmp(reserved, "dir=", 4) == 0)
        return reserved + 4;
    return getenv("COUNTERSIGN_FAULT_DIR");
}

static bool wants_locks(const CK_C_INITIALIZE_ARGS *args)
{
    return args && (args->flags & CKF_OS_LOCKING_OK || args->CreateMutex || args->LockMutex);
}

static CK_RV play_rules(bool *afterp)
{
    struct fault_plan plan = fault_inject_plan(FAULT_C_Initialize, NULL);

    fault_inject_play(&plan, FAULT_C_Initialize);
    return fault_inject_rv(&plan, afterp);
}

static CK_RV start(bool locks)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_RV rv;

    if (!load_real())
        return CKR_GENERAL_ERROR;
    rv = real->C_Initialize(&args);
    if (rv != CKR_OK)
        return rv;
    if (!fault_control_start(fault_slot_apply)) {
        real->C_Finalize(NULL);
        return CKR_GENERAL_ERROR;
    }
    fault_call_set_single(!locks);
    initialized_by = getpid();
    return CKR_OK;
}

/* A child that was forked has its parent's state, which is not its own. */
static void forget_parent(void)
{
    if (initialized_by == 0 || initialized_by == getpid())
        return;
    fault_control_forget_parent();
    real->C_Finalize(NULL);
    fault_session_forget();
    fault_slot_forget();
    fault_login_forget();
    initialized_by = 0;
}

static CK_RV initialize(const CK_C_INITIALIZE_ARGS *args)
{
    const char *directory = directory_of(args);
    bool after = false;
    CK_RV planned, rv;

    forget_parent();
    if (initialized_by)
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (!directory || !fault_control_open(directory)) {
        fprintf(stderr, "countersign-fault: %s\n",
            directory ? "no good control directory or script; its log says why"
                      : "COUNTERSIGN_FAULT_DIR names no control directory");
        return CKR_GENERAL_ERROR;
    }
    planned = play_rules(&after);
    if (planned != CKR_OK && !after)
        return planned;
    if (fault_control_script()->no_locking && wants_locks(args))
        return CKR_CANT_LOCK;
    rv = start(wants_locks(args));
    return planned != CKR_OK ? planned : rv;
}

CK_RV fault_module_initialize(CK_VOID_PTR args)
{
    uint64_t begin = fault_log_now();
    CK_RV rv;

    pthread_mutex_lock(&lock);
    rv = initialize(args);
    pthread_mutex_unlock(&lock);
    fault_log(
        "C_Initialize rv=%s us=%lu", fault_rv_name(rv), (unsigned long)(fault_log_now() - begin));
    return rv;
}

static CK_RV finalize(CK_VOID_PTR reserved)
{
    CK_RV rv;

    fault_control_enter_alone();
    if (initialized_by != getpid()) {
        fault_control_leave();
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    rv = real->C_Finalize(reserved);
    if (rv == CKR_OK) {
        fault_control_stop();
        fault_session_forget();
        fault_slot_forget();
        fault_login_forget();
        initialized_by = 0;
    }
    fault_control_leave();
    return rv;
}

CK_RV fault_module_finalize(CK_VOID_PTR reserved)
{
    struct fault_call call;
    CK_RV rv;

    rv = fault_call_begin(&call, FAULT_C_Finalize, FAULT_ON_NOTHING, 0);
    if (rv == CKR_OK) {
        fault_call_pause(&call);
        pthread_mutex_lock(&lock);
        rv = finalize(reserved);
        pthread_mutex_unlock(&lock);
    }
    return fault_call_end(&call, rv);
}

CK_RV fault_module_info(CK_INFO *info)
{
    static const char description[] = "Countersign fault module";
    CK_RV rv = real->C_GetInfo(info);

    if (rv == CKR_OK) {
        memset(info->libraryDescription, ' ', sizeof(info->libraryDescription));
        memcpy(info->libraryDescription, description, sizeof(description) - 1);
    }
    return rv;
}
