/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 token in this process, for benchmarks. What goes wrong ends the program. */
#ifndef CS_TESTS_BENCH_TOKEN_H
#define CS_TESTS_BENCH_TOKEN_H

#include <p11-kit/pkcs11.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void die(const char *what);
/* Nanoseconds of a clock that only goes forward. */
uint64_t now(void);
void sort(uint64_t *values, size_t n);

CK_FUNCTION_LIST *module_load(const char *path);
CK_SESSION_HANDLE token_open(CK_FUNCTION_LIST *f, const char *label, CK_FLAGS flags);
/* pin NULL or empty: no login. */
void token_login(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *pin);
/* The private key with this CKA_ID in hex. */
CK_OBJECT_HANDLE token_find_key(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *id_hex);

#endif
