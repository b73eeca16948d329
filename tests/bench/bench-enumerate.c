/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a PKCS#11 module needs to tell what is on a token: to be loaded and initialised, and to
 * give class, id, label and value of every object. Prints the time in nanoseconds, the number of
 * objects, and what private memory it needs for them in KiB.
 *
 * usage: bench-enumerate MODULE TOKEN
 */
#include "token.h"

#include <stdio.h>
#include <unistd.h>

#define BATCH 64
#define VALUE_MAX 8192

static void read_object(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    CK_OBJECT_CLASS class = 0;
    CK_BYTE id[256], label[256], value[VALUE_MAX];
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_ID, id, sizeof(id)},
        {CKA_LABEL, label, sizeof(label)},
        {CKA_VALUE, value, sizeof(value)},
    };

    /* A key has no value; the other attributes come all the same. */
    f->C_GetAttributeValue(session, object, wanted, sizeof(wanted) / sizeof(wanted[0]));
}

static unsigned long private_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    unsigned long total = 0, kib;
    char line[256];

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Private_%*[A-Za-z]: %lu kB", &kib) == 1)
            total += kib;
    if (file)
        fclose(file);
    return total;
}

int main(int argc, char **argv)
{
    CK_OBJECT_HANDLE objects[BATCH];
    CK_SESSION_HANDLE session;
    CK_FUNCTION_LIST *f;
    CK_ULONG n, total = 0;
    uint64_t start = now(), took;

    if (argc != 3)
        die("usage: bench-enumerate MODULE TOKEN");
    f = module_load(argv[1]);
    session = token_open(f, argv[2], 0);
    if (f->C_FindObjectsInit(session, NULL, 0) != CKR_OK)
        die("C_FindObjectsInit");
    do {
        if (f->C_FindObjects(session, objects, BATCH, &n) != CKR_OK)
            die("C_FindObjects");
        for (CK_ULONG i = 0; i < n; i++)
            read_object(f, session, objects[i]);
        total += n;
    } while (n > 0);
    took = now() - start;
    printf("%ju %lu %lu\n", (uintmax_t)took, total, private_kib());
    fflush(stdout);
    _exit(0); /* SoftHSM does not survive its own unloading */
}
