/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe MODULE: a program with the module in it, told what to do on standard input, a line at a
 * time; it answers each with one line, times in microseconds:
 *
 *   init | fini           CODE TIME
 *   slots                 the labels of the tokens there are
 *   info N                CODE TIME of N times C_GetTokenInfo of the first slot
 *   objects               CODE TIME N of a search for certificates, with all that NSS reads of each
 *   sign LABEL            CODE TIME of a search and a signature in TLS 1.3, as Firefox asks for it
 *   wait                  CODE SLOT of C_WaitForSlotEvent
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static CK_FUNCTION_LIST *call;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void answer(CK_RV rv, double since)
{
    printf("%lx %.1f\n", rv, now() - since);
}

static void slots(void)
{
    CK_SLOT_ID list[64];
    CK_ULONG n = 64;

    if (call->C_GetSlotList(CK_TRUE, list, &n) == CKR_OK)
        for (CK_ULONG i = 0; i < n; i++) {
            CK_TOKEN_INFO info;

            if (call->C_GetTokenInfo(list[i], &info) == CKR_OK)
                printf("%lu:%.*s ", list[i], (int)strcspn((char *)info.label, " "), info.label);
        }
    printf("\n");
}

static CK_RV token_info(long times)
{
    CK_TOKEN_INFO info;
    CK_RV rv = CKR_OK;

    while (times-- > 0 && rv == CKR_OK)
        rv = call->C_GetTokenInfo(0, &info);
    return rv;
}

static CK_RV read_certificate(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_ATTRIBUTE_TYPE types[] = {
        CKA_CLASS, CKA_VALUE, CKA_LABEL, CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_ID};
    CK_ATTRIBUTE asked[7];
    static char room[7][4096];

    for (size_t i = 0; i < 7; i++)
        asked[i] = (CK_ATTRIBUTE){types[i], room[i], sizeof(room[i])};
    return call->C_GetAttributeValue(session, object, asked, 7);
}

static CK_RV objects(CK_ULONG *total)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE search = {CKA_CLASS, &class, sizeof(class)};
    CK_OBJECT_HANDLE found[16];
    CK_SESSION_HANDLE session;
    CK_ULONG n;
    CK_RV rv = call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session);

    *total = 0;
    if (rv == CKR_OK)
        rv = call->C_FindObjectsInit(session, &search, 1);
    while (rv == CKR_OK && call->C_FindObjects(session, found, 16, &n) == CKR_OK && n > 0)
        for (CK_ULONG i = 0; i < n; i++, (*total)++)
            if (read_certificate(session, found[i]) != CKR_OK)
                rv = CKR_GENERAL_ERROR;
    call->C_CloseSession(session);
    return rv;
}

static CK_RV sign(const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE search[] = {
        {CKA_CLASS, &class, sizeof(class)}, {CKA_LABEL, (void *)label, strlen(label)}};
    static const char context[] = "TLS 1.3, client CertificateVerify";
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key = 0;
    CK_BYTE spaces[64], transcript[32] = {0}, signature[256];
    CK_ULONG n, len = sizeof(signature);
    CK_RV rv = call->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session);

    if (rv != CKR_OK)
        return rv;
    call->C_FindObjectsInit(session, search, 2);
    call->C_FindObjects(session, &key, 1, &n);
    call->C_FindObjectsFinal(session);
    memset(spaces, ' ', sizeof(spaces));
    rv = call->C_SignInit(session, &mechanism, key);
    if (rv == CKR_OK)
        rv = call->C_SignUpdate(session, spaces, sizeof(spaces));
    if (rv == CKR_OK)
        rv = call->C_SignUpdate(session, (CK_BYTE *)context, sizeof(context));
    if (rv == CKR_OK)
        rv = call->C_SignUpdate(session, transcript, sizeof(transcript));
    if (rv == CKR_OK)
        rv = call->C_SignFinal(session, signature, &len);
    call->C_CloseSession(session);
    return rv;
}

static void obey(const char *line)
{
    double start = now();
    CK_SLOT_ID slot = 999;
    CK_ULONG n;
    CK_RV rv;

    if (strcmp(line, "init") == 0) {
        answer(call->C_Initialize(NULL), start);
    } else if (strcmp(line, "fini") == 0) {
        answer(call->C_Finalize(NULL), start);
    } else if (strcmp(line, "slots") == 0) {
        slots();
    } else if (strncmp(line, "info ", 5) == 0) {
        answer(token_info(atol(line + 5)), start);
    } else if (strcmp(line, "objects") == 0) {
        rv = objects(&n);
        printf("%lx %.1f %lu\n", rv, now() - start, n);
    } else if (strncmp(line, "sign ", 5) == 0) {
        answer(sign(line + 5), start);
    } else if (strcmp(line, "wait") == 0) {
        rv = call->C_WaitForSlotEvent(0, &slot, NULL);
        printf("%lx %lu\n", rv, slot);
    } else {
        printf("?\n");
    }
}

int main(int argc, char **argv)
{
    void *module = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    char line[256];

    if (module)
        *(void **)&get = dlsym(module, "C_GetFunctionList");
    if (!get || get(&call) != CKR_OK) {
        fprintf(stderr, "usage: probe MODULE\n");
        return 2;
    }
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        obey(line);
        fflush(stdout);
    }
    return 0;
}
