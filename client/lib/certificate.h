/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates without a key as clients see them: decoded copies. */
#ifndef CS_LIB_CERTIFICATE_H
#define CS_LIB_CERTIFICATE_H

#include "base/message.h"

#include <countersign/countersign.h>

int cs_certificate_new(
    struct countersign_certificate **certificatep, const struct cs_msg_certificate *m);

#endif
