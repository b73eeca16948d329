/* SPDX-License-Identifier: Apache-2.0 */
/* The script: what the module is told to play. Grammar in script.c. */
#ifndef FAULT_SCRIPT_H
#define FAULT_SCRIPT_H

#include "name.h"

#include <stddef.h>

#define FAULT_SLOTS_MAX 32
#define FAULT_RULES_MAX 256
#define FAULT_LABELS_MAX 8

struct fault_text {
    bool set;
    unsigned char len;
    unsigned char data[64];
};

/* A slot line. All zero is a slot that plays nothing. */
struct fault_spec {
    CK_SLOT_ID id;
    /* which of SoftHSM's tokens lies in it */
    struct fault_text token, serial;
    CK_ULONG index; /* 1-based, 0: not by index */
    bool uninitialised, absent;
    /* what is wrong with it */
    CK_RV bad;
    CK_RV gone; /* what old sessions answer after the token went */
    CK_ULONG resume, logged_out, sessions;
    bool fixed;
    bool terse;
    bool no_pss;
    /* logins */
    struct fault_text open; /* with the PIN that opens it */
    CK_ULONG tries, so_tries;
    bool keypad;
    CK_ULONG keypad_delay, keypad_timeout;
    bool always_authenticate; /* every private key */
    bool lax;                 /* attributes may be read in the middle of a job */
    size_t n_labels;
    struct fault_text labels[FAULT_LABELS_MAX]; /* these alone */
    /* what it shows */
    struct fault_text label, manufacturer, model, serial_number;
    CK_FLAGS set_flags, clear_flags;
};

enum fault_action {
    FAULT_FAIL,
    FAULT_DELAY,
    FAULT_HANG,
    FAULT_CRASH,
    FAULT_ABORT,
    FAULT_EXIT,
};

struct fault_rule {
    enum fault_action action;
    enum fault_function function;
    CK_ULONG value;            /* milliseconds or exit status */
    CK_RV rv;                  /* of fail, and of hang when it ends; CKR_OK: go on */
    CK_ULONG at, every, times; /* times 0: always */
    bool has_slot, after, forever, elder;
    CK_SLOT_ID slot;
};

struct fault_script {
    bool no_locking, single_thread, no_wait, no_log, boastful;
    size_t n_slots, n_rules;
    struct fault_spec slots[FAULT_SLOTS_MAX];
    struct fault_rule rules[FAULT_RULES_MAX];
};

/* Parses text, which it changes, into an empty script. On failure writes what is wrong, with its
 * line, to error. */
bool fault_script_parse(char *text, struct fault_script *script, char *error, size_t error_size);

#endif
