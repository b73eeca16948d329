/* SPDX-License-Identifier: Apache-2.0 */
/* SoftHSM under us, and starting and ending. */
#ifndef FAULT_MODULE_H
#define FAULT_MODULE_H

#include <p11-kit/pkcs11.h>

/* SoftHSM's functions. */
const CK_FUNCTION_LIST *fault_module_real(void);
#define REAL(name) fault_module_real()->name

CK_RV fault_module_initialize(CK_VOID_PTR args);
CK_RV fault_module_finalize(CK_VOID_PTR reserved);
CK_RV fault_module_info(CK_INFO *info);

#endif
