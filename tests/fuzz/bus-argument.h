/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of D-Bus messages, made of an input: of any types, or of those a signature wants. */
#ifndef CS_TESTS_FUZZ_BUS_ARGUMENT_H
#define CS_TESTS_FUZZ_BUS_ARGUMENT_H

#include "fuzz.h"

#include <dbus/dbus.h>
#include <stdbool.h>

/* For each input, first: how much in it may be long. */
void bus_argument_begin(void);
/* A signature that the input chooses or spells; not always the right one for anything. */
void bus_argument_signature(struct fuzz_input *input, char out[DBUS_MAXIMUM_SIGNATURE_LENGTH + 1]);
/* Values for the signature, which is valid. False when a bus would not let the message pass. */
bool bus_argument_append(DBusMessage *message, const char *signature, struct fuzz_input *input);
/* A string that the input chooses or spells, in UTF-8. */
const char *bus_argument_string(struct fuzz_input *input, char out[256]);

#endif
