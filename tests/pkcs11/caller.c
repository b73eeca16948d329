/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the module have in common. */
#include "caller.h"

#include <dlfcn.h>

struct cabinet cabinet;
void *module;
CK_FUNCTION_LIST *call;

int caller_start_cabinet(void **state)
{
    (void)state;
    cabinet_start(&cabinet);
    return 0;
}

int caller_stop_cabinet(void **state)
{
    (void)state;
    cabinet_stop(&cabinet);
    return 0;
}

void caller_load_module(void)
{
    CK_RV (*get)(CK_FUNCTION_LIST **);

    module = dlopen(PKCS11_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        fail_msg("%s", dlerror());
    *(void **)&get = dlsym(module, "C_GetFunctionList");
    assert_non_null(get);
    assert_ok(get(&call));
}

/* Connections of the last test are done with: the cabinet counts from nothing again. */
int caller_load(void **state)
{
    struct fake_agent *agent = &cabinet.keyring.agent;

    (void)state;
    fake_agent_stop(agent);
    memset(cabinet.tokens, 0, sizeof(cabinet.tokens));
    cabinet.tokens[0] = (struct cabinet_token){.present = true, .label = "corp"};
    cabinet.n_watchers = 0;
    cabinet.copies = 1;
    cabinet.label = cabinet.cka_id = NULL;
    cabinet.page = 0;
    cabinet.plain = NULL;
    cabinet.deaf = false;
    cabinet.keyring.locked = false;
    cabinet.keyring.n_signed = 0;
    fake_agent_restart(agent);
    caller_load_module();
    return 0;
}

int caller_initialize(void **state)
{
    caller_load(state);
    assert_ok(call->C_Initialize(NULL));
    caller_asked();
    return 0;
}

int caller_unload(void **state)
{
    (void)state;
    call->C_Finalize(NULL);
    dlclose(module);
    return 0;
}

CK_SESSION_HANDLE caller_session(void)
{
    CK_SESSION_HANDLE session;

    assert_ok(call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session));
    return session;
}

static CK_ULONG search(
    CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *found)
{
    CK_OBJECT_HANDLE objects[16];
    CK_ULONG count, total = 0;

    assert_ok(call->C_FindObjectsInit(session, template, n));
    do {
        assert_ok(call->C_FindObjects(session, objects, 16, &count));
        if (total == 0 && count > 0 && found)
            *found = objects[0];
        total += count;
    } while (count > 0);
    assert_ok(call->C_FindObjectsFinal(session));
    return total;
}

CK_OBJECT_HANDLE caller_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE(CKA_CLASS, class), {CKA_LABEL, (void *)label, strlen(label)}};
    CK_OBJECT_HANDLE found = 0;

    assert_int_equal(search(session, template, 2, &found), 1);
    return found;
}

CK_ULONG caller_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
    return search(session, template, n, NULL);
}

int caller_asked(void)
{
    return atomic_exchange(&cabinet.keyring.agent.n_requests, 0);
}
