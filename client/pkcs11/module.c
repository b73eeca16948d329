/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state, and its lock. The lock is held while memory is read and written, never while the agent
 * is waited for. The picture is brought up to date when a call asks what there is; only when the
 * agent was just asked for a new one is it waited for, by one call and for a moment, and not again
 * if it did not come.
 *
 * A child after fork has its parent's memory, perhaps with the lock held by a thread that is no
 * more. So it touches nothing of it: every call compares the pid first, and C_Initialize begins
 * with a state of the child's own. The first process's state is static, so that unloading leaves
 * nothing behind; there is no handler for fork or exit, for the host may unload us.
 */
#include "pkcs11/module.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Milliseconds. */
#define FIRST_PATIENCE 2000 /* with an agent that is just starting */
#define PATIENCE 200        /* with news of what changed */
#define GRACE 3000          /* for an agent that is started anew: until then its tokens stay */

static struct cs_module original = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = {.fd = -1}};
static _Atomic(struct cs_module *) current = &original;

void cs_module_leavep(struct cs_module **modulep)
{
    if (!*modulep)
        return;
    pthread_mutex_unlock(&(*modulep)->mutex);
    *modulep = NULL;
}

CK_RV cs_module_enter(struct cs_module **modulep)
{
    struct cs_module *module = atomic_load(&current);

    if (atomic_load(&module->pid) != getpid())
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    pthread_mutex_lock(&module->mutex);
    if (!module->initialized) {
        pthread_mutex_unlock(&module->mutex);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    *modulep = module;
    return CKR_OK;
}

/* A socket that nobody sends to: nothing is to be read of it before it is shut down. It is not
 * below 3, where the host program would print into it. */
static struct cs_own_fd wake_new(void)
{
    CS_AUTO(cs_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return high < 0 ? CS_OWN_FD_NONE : cs_own_fd_of(high);
}

/* Whoever waits has a duplicate, which stays readable; who waits next makes a new one. */
static void wake_all(struct cs_module *module)
{
    if (cs_own_fd_is(&module->wake))
        shutdown(module->wake.fd, SHUT_RDWR);
    cs_own_fd_close(&module->wake);
}

/* A token that went stays in the sessions that are open, until another one takes its place. Several
 * calls may wait for the first picture. */
static void show(struct cs_module *module, struct cs_view *view)
{
    bool changed = cs_slots_update(&module->slots, view) || !module->view;

    cs_view_free(module->view);
    module->view = view;
    for (size_t i = 0; i < module->slots.n; i++) {
        if (module->slots.list[i].replaced)
            cs_sessions_close(module, i);
        module->slots.list[i].replaced = false;
    }
    if (changed)
        wake_all(module);
}

/* An agent that can be reached but has nothing to tell, for its configuration is wrong, has gone,
 * too. */
void cs_module_update(struct cs_module *module)
{
    struct cs_view *view = NULL;
    int saved = errno;
    bool gone;

    cs_link_poll(&module->link, &view);
    gone = module->link.own.fd < 0;
    if (!gone && module->link.proved)
        module->lost = 0;
    else if (gone && module->lost == 0)
        module->lost = cs_link_now();
    if (view)
        show(module, view);
    else if (gone && module->view && cs_link_now() - module->lost > GRACE)
        show(module, NULL);
    errno = saved;
}

/* It may last, and the program close what we wait at, and have the numbers for others, meanwhile.
 * Where there is no descriptor to spare nobody could wake us, so we look for ourselves. */
CK_RV cs_module_wait(struct cs_module *module, int milliseconds)
{
    unsigned long epoch = module->epoch;
    struct cs_own_fd news, wake;
    struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int saved = errno;

    if (!cs_own_fd_is(&module->wake))
        module->wake = wake_new();
    news = cs_own_fd_of(cs_link_dup(&module->link));
    wake = cs_own_fd_of(fcntl(module->wake.fd, F_DUPFD_CLOEXEC, 3));
    fds[0].fd = news.fd;
    fds[1].fd = wake.fd;
    if ((news.fd < 0 || wake.fd < 0) && (milliseconds < 0 || milliseconds > CS_REDIAL))
        milliseconds = CS_REDIAL;
    pthread_mutex_unlock(&module->mutex);
    /* It may have been forbidden to poll any. */
    poll(fds, news.fd < 0 && wake.fd < 0 ? 0 : 2, milliseconds);
    pthread_mutex_lock(&module->mutex);
    cs_own_fd_close(&news);
    cs_own_fd_close(&wake);
    errno = saved;
    if (!module->initialized || module->epoch != epoch)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    cs_module_update(module);
    return CKR_OK;
}

static CK_RV wait_until(struct cs_module *module, uint64_t deadline)
{
    CK_RV rv = CKR_OK;

    while (rv == CKR_OK && cs_link_is_waiting(&module->link)) {
        uint64_t now = cs_link_now();

        if (now >= deadline)
            module->link.slow = true;
        else
            rv = cs_module_wait(module, (int)(deadline - now));
    }
    return rv;
}

/* Waits for the picture that was asked for, if anything was, for a moment. If another call does,
 * this one makes do with the picture there is, or waits with it for the first. */
static CK_RV await(struct cs_module *module, int patience)
{
    CK_RV rv;

    if (module->deadline)
        return module->view ? CKR_OK : wait_until(module, module->deadline);
    module->deadline = cs_link_now() + (uint64_t)patience;
    rv = wait_until(module, module->deadline);
    if (rv == CKR_OK)
        module->deadline = 0;
    return rv;
}

static CK_RV enter_fresh(struct cs_module **modulep, int patience)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    cs_module_update(module);
    rv = await(module, patience);
    if (rv == CKR_OK)
        *modulep = cs_steal(&module);
    return rv;
}

CK_RV cs_module_enter_fresh(struct cs_module **modulep)
{
    return enter_fresh(modulep, PATIENCE);
}

CK_RV cs_module_enter_session(
    CK_SESSION_HANDLE handle, bool fresh, struct cs_module **modulep, struct cs_session **sessionp)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = fresh ? cs_module_enter_fresh(&module) : cs_module_enter(&module);
    struct cs_session *session;

    if (rv != CKR_OK)
        return rv;
    session = cs_session_get(&module->sessions, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    *sessionp = session;
    *modulep = cs_steal(&module);
    return CKR_OK;
}

const struct cs_object *cs_module_object(
    const struct cs_module *module, const struct cs_session *session, CK_OBJECT_HANDLE handle)
{
    const struct cs_slot *slot = &module->slots.list[session->slot];

    return cs_view_object(slot->view, slot->token, handle);
}

static void release(struct cs_module *module)
{
    module->initialized = false;
    module->deadline = 0;
    wake_all(module);
    cs_sessions_deinit(&module->sessions);
    cs_slots_deinit(&module->slots);
    cs_view_free(module->view);
    module->view = NULL;
    module->lost = 0;
    cs_link_deinit(&module->link);
    cs_signer_unref(module->signer);
    module->signer = NULL;
}

static CK_RV acquire(struct cs_module *module)
{
    int r;

    module->epoch++;
    r = cs_link_init(&module->link);
    if (r == 0)
        r = cs_slots_init(&module->slots);
    if (r == 0)
        r = cs_signer_new(&module->signer);
    if (r < 0) {
        release(module);
        return cs_error_ckr(r);
    }
    module->initialized = true;
    return CKR_OK;
}

/* PKCS #11, C_Initialize: all functions for locks or none, and system locks are what we have. */
static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *arguments)
{
    int n;

    if (!arguments)
        return CKR_OK;
    n = !!arguments->CreateMutex + !!arguments->DestroyMutex + !!arguments->LockMutex +
        !!arguments->UnlockMutex;
    if (arguments->pReserved || (n != 0 && n != 4))
        return CKR_ARGUMENTS_BAD;
    return n == 4 && !(arguments->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

/* The state of this process; a child's first C_Initialize makes it. NULL: no memory. */
static struct cs_module *own_module(void)
{
    struct cs_module *module = atomic_load(&current), *own;
    const pid_t self = getpid();
    pid_t pid = 0;

    if (atomic_compare_exchange_strong(&module->pid, &pid, self) || pid == self)
        return module;
    own = calloc(1, sizeof(*own));
    if (!own)
        return NULL;
    pthread_mutex_init(&own->mutex, NULL);
    atomic_init(&own->pid, self);
    own->wake = CS_OWN_FD_NONE;
    own->next = module;
    if (atomic_compare_exchange_strong(&current, &module, own))
        return own;
    free(own); /* another thread was faster */
    return module;
}

CK_RV cs_initialize(void *arguments)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    struct cs_module *own;
    CK_RV rv = check_arguments(arguments);

    if (rv != CKR_OK)
        return rv;
    own = own_module();
    if (!own)
        return CKR_HOST_MEMORY;
    pthread_mutex_lock(&own->mutex);
    rv = own->initialized ? CKR_CRYPTOKI_ALREADY_INITIALIZED : acquire(own);
    pthread_mutex_unlock(&own->mutex);
    if (rv != CKR_OK)
        return rv;
    rv = enter_fresh(&module, FIRST_PATIENCE);
    while (rv == CKR_OK && cs_slots_take_change(&module->slots) >= 0)
        continue; /* what was there from the start is no event */
    return rv;
}

CK_RV cs_finalize(void *reserved)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    if (reserved)
        return CKR_ARGUMENTS_BAD;
    release(module);
    return CKR_OK;
}

static CK_RV get_info(CK_INFO *info, CK_VERSION version)
{
    CS_AUTO(cs_module_leavep) struct cs_module *module = NULL;
    CK_RV rv = cs_module_enter(&module);
    char *rest;

    if (rv != CKR_OK)
        return rv;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    *info = (CK_INFO){.cryptokiVersion = version};
    info->libraryVersion.major = (CK_BYTE)strtoul(CS_VERSION, &rest, 10);
    info->libraryVersion.minor = (CK_BYTE)(*rest ? strtoul(rest + 1, NULL, 10) : 0);
    cs_fill(info->manufacturerID, sizeof(info->manufacturerID), cs_bytes_of("Countersign"));
    cs_fill(info->libraryDescription, sizeof(info->libraryDescription),
        cs_bytes_of("Keys of the Countersign agent"));
    return CKR_OK;
}

CK_RV cs_get_info(CK_INFO *info)
{
    return get_info(info, (CK_VERSION){2, 40});
}

CK_RV cs_get_info_3(CK_INFO *info)
{
    return get_info(info, (CK_VERSION){3, 0});
}
