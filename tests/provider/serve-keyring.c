/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve-keyring COMMAND...: runs a program with COUNTERSIGN_SOCKET set to a keyring's, in a folder
 * with a PEM reference and a certificate for each of its keys: NAME.pem holds both, NAME.key and
 * NAME.crt one each. KEYRING_LOCKED in the environment: its token is locked. For tests of programs
 * and for trying things out.
 */
#include "keyring.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_files(const struct keyring_entry *entry)
{
    struct cs_buf pem = CS_BUF_INIT(4096);
    char name[64];
    FILE *combined, *key, *certificate;

    keyring_put_reference(&pem, entry);
    snprintf(name, sizeof(name), "%s.pem", entry->name);
    combined = fopen(name, "w");
    snprintf(name, sizeof(name), "%s.key", entry->name);
    key = fopen(name, "w");
    snprintf(name, sizeof(name), "%s.crt", entry->name);
    certificate = fopen(name, "w");
    if (!combined || !key || !certificate)
        abort();
    PEM_write_X509(combined, entry->certificate);
    PEM_write_X509(certificate, entry->certificate);
    fwrite(pem.data, 1, pem.len, combined);
    fwrite(pem.data, 1, pem.len, key);
    fclose(combined);
    fclose(key);
    fclose(certificate);
    snprintf(name, sizeof(name), "%s.file", entry->name);
    key = fopen(name, "w");
    if (!key)
        abort();
    PEM_write_PrivateKey(key, entry->key, NULL, NULL, 0, NULL, NULL);
    fclose(key);
    cs_buf_deinit(&pem);
}

int main(int argc, char **argv)
{
    static struct keyring keyring;
    int status = 127;
    pid_t child;

    if (argc < 2)
        return 2;
    keyring_start(&keyring);
    keyring.locked = getenv("KEYRING_LOCKED") != NULL;
    for (size_t i = 0; i < keyring.n_entries; i++)
        write_files(&keyring.entries[i]);
    child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    fprintf(stderr, "keyring: %d resolved, %d signed, last scheme %#x input %d\n",
        keyring.n_resolved, keyring.n_signed, (unsigned)keyring.last_scheme, keyring.last_input);
    keyring_stop(&keyring);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
