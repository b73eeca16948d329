/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of errors. A failure is marked where it starts, with cs_fail if a sentence can be
 * said about it; each caller that passes it on says `return cs_trace(r)`.
 */
#include "base/error.h"
#include "base/buf.h"
#include "base/log.h"

#include <countersign/protocol.h>
#include <p11-kit/pkcs11.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DBUS_ERROR(name) "org.countersign.Error." name

static const struct {
    const char *text;
    const char *dbus_name;
    unsigned long ckr;
    int exit_status;
} catalogue[] = {
    /* clang-format off */
    [-CS_ERR_SYSTEM] =        {"a system call failed", DBUS_ERROR("System"), CKR_FUNCTION_FAILED, CS_EXIT_FAILURE},
    [-CS_ERR_MEMORY] =        {"out of memory", DBUS_ERROR("Memory"), CKR_HOST_MEMORY, CS_EXIT_FAILURE},
    [-CS_ERR_INVALID] =       {"invalid argument", DBUS_ERROR("Invalid"), CKR_ARGUMENTS_BAD, CS_EXIT_USAGE},
    [-CS_ERR_PROTOCOL] =      {"a message broke the protocol", DBUS_ERROR("Protocol"), CKR_DEVICE_ERROR, CS_EXIT_FAILURE},
    [-CS_ERR_UNSUPPORTED] =   {"not supported by the agent: if it is older than this program, restart it", DBUS_ERROR("Unsupported"), CKR_FUNCTION_NOT_SUPPORTED, CS_EXIT_FAILURE},
    [-CS_ERR_VERSION] =       {"no protocol version in common with the agent: install the same release of both", DBUS_ERROR("Version"), CKR_DEVICE_ERROR, CS_EXIT_FAILURE},
    [-CS_ERR_TOO_LARGE] =     {"larger than the limit", DBUS_ERROR("TooLarge"), CKR_DATA_LEN_RANGE, CS_EXIT_FAILURE},
    [-CS_ERR_BUSY] =          {"the agent has too much to do: try again later", DBUS_ERROR("Busy"), CKR_HOST_MEMORY, CS_EXIT_FAILURE},
    [-CS_ERR_NO_AGENT] =      {"no agent answers: start it with 'countersign-agent'", DBUS_ERROR("NoAgent"), CKR_DEVICE_REMOVED, CS_EXIT_NO_AGENT},
    [-CS_ERR_WRONG_USER] =    {"the agent belongs to another user: run this as that user, or start an agent of your own", DBUS_ERROR("WrongUser"), CKR_FUNCTION_REJECTED, CS_EXIT_NO_AGENT},
    [-CS_ERR_NOT_FOUND] =     {"nothing matches: 'countersign list' shows what there is", DBUS_ERROR("NotFound"), CKR_KEY_HANDLE_INVALID, CS_EXIT_NOT_FOUND},
    [-CS_ERR_AMBIGUOUS] =     {"several match: name one by its id", DBUS_ERROR("Ambiguous"), CKR_KEY_HANDLE_INVALID, CS_EXIT_NOT_FOUND},
    [-CS_ERR_LOCKED] =        {"the token is locked: run 'countersign unlock'", DBUS_ERROR("Locked"), CKR_USER_NOT_LOGGED_IN, CS_EXIT_LOCKED},
    [-CS_ERR_PIN_INCORRECT] = {"the token refused the PIN: run 'countersign unlock' with the right one", DBUS_ERROR("PinIncorrect"), CKR_PIN_INCORRECT, CS_EXIT_LOCKED},
    [-CS_ERR_PIN_BLOCKED] =   {"the token accepts no PIN any more: it must be unblocked by its administrator", DBUS_ERROR("PinBlocked"), CKR_PIN_LOCKED, CS_EXIT_LOCKED},
    [-CS_ERR_PIN_FINAL_TRY] = {"one more wrong PIN blocks the token: run 'countersign unlock --force' if you are sure", DBUS_ERROR("PinFinalTry"), CKR_PIN_LOCKED, CS_EXIT_LOCKED},
    [-CS_ERR_CANCELLED] =     {"cancelled", DBUS_ERROR("Cancelled"), CKR_FUNCTION_CANCELED, CS_EXIT_DENIED},
    [-CS_ERR_TIMEOUT] =       {"no answer in time", DBUS_ERROR("Timeout"), CKR_FUNCTION_CANCELED, CS_EXIT_FAILURE},
    [-CS_ERR_DENIED] =        {"denied by policy: 'countersign policy' shows the rules", DBUS_ERROR("Denied"), CKR_FUNCTION_REJECTED, CS_EXIT_DENIED},
    [-CS_ERR_TOKEN_ABSENT] =  {"the token is not there: insert it", DBUS_ERROR("TokenAbsent"), CKR_DEVICE_REMOVED, CS_EXIT_TOKEN},
    [-CS_ERR_TOKEN_FAILED] =  {"the token reported a failure: 'countersign status' shows how it is", DBUS_ERROR("TokenFailed"), CKR_DEVICE_ERROR, CS_EXIT_TOKEN},
    [-CS_ERR_MODULE_FAILED] = {"the PKCS#11 module failed: 'countersign status' says why", DBUS_ERROR("ModuleFailed"), CKR_DEVICE_ERROR, CS_EXIT_TOKEN},
    [-CS_ERR_SCHEME] =        {"the key cannot sign in this scheme: 'countersign show ID' lists those in which it can", DBUS_ERROR("Scheme"), CKR_MECHANISM_INVALID, CS_EXIT_FAILURE},
    [-CS_ERR_KEY_MISMATCH] =  {"private key and certificate do not belong together", DBUS_ERROR("KeyMismatch"), CKR_KEY_HANDLE_INVALID, CS_EXIT_TOKEN},
    [-CS_ERR_CONFIG] =        {"the configuration is wrong: 'countersign-agent --check' says where", DBUS_ERROR("Config"), CKR_GENERAL_ERROR, CS_EXIT_FAILURE},
    [-CS_ERR_CLOSED] =        {"the agent closed the connection before it answered: try again", DBUS_ERROR("Closed"), CKR_DEVICE_ERROR, CS_EXIT_NO_AGENT},
    /* clang-format on */
};

#define N_CATALOGUE ((int)(sizeof(catalogue) / sizeof(catalogue[0])))

static bool known(int code)
{
    return code < 0 && code > -N_CATALOGUE;
}

const char *cs_error_text(int code)
{
    if (code == 0)
        return "success";
    return known(code) ? catalogue[-code].text : "unknown error";
}

const char *cs_error_dbus_name(int code)
{
    return known(code) ? catalogue[-code].dbus_name : DBUS_ERROR("System");
}

unsigned long cs_error_ckr(int code)
{
    if (code == 0)
        return CKR_OK;
    return known(code) ? catalogue[-code].ckr : CKR_GENERAL_ERROR;
}

int cs_error_exit_status(int code)
{
    if (code == 0)
        return CS_EXIT_OK;
    return known(code) ? catalogue[-code].exit_status : CS_EXIT_FAILURE;
}

unsigned cs_error_to_wire(int code)
{
    return known(code) ? (unsigned)-code : (unsigned)-CS_ERR_SYSTEM;
}

int cs_error_from_wire(unsigned wire)
{
    return wire > 0 && wire < (unsigned)N_CATALOGUE ? -(int)wire : CS_ERR_PROTOCOL;
}

/* Labels and paths in a sentence may hold any bytes, and the end may be cut: it travels as a string
 * of the protocol, and ends on a terminal. */
static void neutralise(char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        size_t n = cs_bytes_utf8(CS_BYTES(text, left));
        bool control = (unsigned char)*text < 0x20 && *text != '\n' && *text != '\t';

        if (n == 0 || control || *text == 0x7f)
            *text = '?';
        text += n ? n : 1;
        left -= n ? n : 1;
    }
}

int cs_fail(struct cs_fault *fault, int code, const char *format, ...)
{
    va_list args;

    if (!fault)
        return code;
    fault->code = code;
    va_start(args, format);
    vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    neutralise(fault->text);
    return code;
}

const char *cs_fault_text(const struct cs_fault *fault, int code)
{
    if (fault && fault->code == code && fault->text[0])
        return fault->text;
    return cs_error_text(code);
}

int cs_trace_at(int code, const char *file, int line, const char *function)
{
    cs_debug("%s (%s:%d): %s", function, file, line, cs_error_text(code));
    return code;
}
