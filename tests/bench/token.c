/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 token in this process, for benchmarks. */
#include "token.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS_MAX 64

void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    ERR_print_errors_fp(stderr);
    _exit(1);
}

uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

void sort(uint64_t *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare);
}

CK_FUNCTION_LIST *module_load(const char *path)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    CK_C_GetFunctionList get_list;
    CK_FUNCTION_LIST *f;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        die(dlerror());
    *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
    if (!get_list || get_list(&f) != CKR_OK || f->C_Initialize(&arguments) != CKR_OK)
        die("cannot initialise the module");
    return f;
}

static CK_SLOT_ID find_slot(CK_FUNCTION_LIST *f, const char *label)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    CK_TOKEN_INFO info;
    size_t len = strlen(label);

    if (f->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
        die("C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++)
        if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK && len <= sizeof(info.label) &&
            memcmp(info.label, label, len) == 0)
            return slots[i];
    die("no such token");
}

CK_SESSION_HANDLE token_open(CK_FUNCTION_LIST *f, const char *label, CK_FLAGS flags)
{
    CK_SESSION_HANDLE session;

    if (f->C_OpenSession(find_slot(f, label), CKF_SERIAL_SESSION | flags, NULL, NULL, &session) !=
        CKR_OK)
        die("C_OpenSession");
    return session;
}

void token_login(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *pin)
{
    CK_UTF8CHAR copy[64];
    size_t len = pin ? strlen(pin) : 0;
    CK_RV rv;

    if (len == 0)
        return;
    if (len > sizeof(copy))
        die("the PIN is too long");
    memcpy(copy, pin, len);
    rv = f->C_Login(session, CKU_USER, copy, len);
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        die("C_Login");
}

CK_OBJECT_HANDLE token_find_key(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *id_hex)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_OBJECT_HANDLE key;
    CK_ULONG found = 0;
    long len = 0;
    uint8_t *id = OPENSSL_hexstr2buf(id_hex, &len);
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, id, (CK_ULONG)len}};

    if (!id || f->C_FindObjectsInit(session, wanted, 2) != CKR_OK ||
        f->C_FindObjects(session, &key, 1, &found) != CKR_OK || found != 1)
        die("no such key");
    f->C_FindObjectsFinal(session);
    OPENSSL_free(id);
    return key;
}
