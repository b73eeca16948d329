/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's keypad, and the PIN that was typed on it. */
#ifndef FAULT_KEYPAD_H
#define FAULT_KEYPAD_H

#include "call.h"

struct fault_pin {
    unsigned char data[256];
    CK_ULONG len;
};

/* Waits until somebody types on the keypad of the call's slot: a PIN, and another where a new one
 * is asked for too (second is not NULL). */
CK_RV fault_keypad_read(struct fault_call *call, struct fault_pin *first, struct fault_pin *second);

#endif
