/* SPDX-License-Identifier: Apache-2.0 */
/* The same for programs: JSON. */
#ifndef CS_CLI_JSON_H
#define CS_CLI_JSON_H

#include "base/buf.h"
#include "cli/picture.h"

#include <json-c/json_object.h>

/* The names of the fields are part of the interface: they are described in countersign(1). */
struct json_object *cs_json_token(const struct countersign_token *token);
/* token may be NULL. */
struct json_object *cs_json_identity(
    const struct countersign_identity *identity, const struct countersign_token *token);
struct json_object *cs_json_certificate(struct cs_bytes der);
/* The labels of a list. */
struct json_object *cs_json_labels(const struct countersign_list *labels);
/* Bytes that should be UTF-8; what is none becomes U+FFFD. */
struct json_object *cs_json_text(struct cs_bytes text);
struct json_object *cs_json_string(const char *text);
struct json_object *cs_json_hex(const uint8_t *data, size_t len);
/* ISO 8601 in UTC; 0 is null. */
struct json_object *cs_json_time(int64_t time);

/* Prints it in ASCII, and frees it. Returns CS_EXIT_OK, or CS_EXIT_FAILURE without memory. */
int cs_json_print(struct json_object *object, FILE *out);
/* The same in one line. */
int cs_json_print_line(struct json_object *object, FILE *out);

#endif
