/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of decoded objects. */
#ifndef CS_LIB_LIST_H
#define CS_LIB_LIST_H

#include "base/buf.h"

#include <countersign/countersign.h>

/* From the body of a reply to UNLOCK or LOCK. */
int cs_list_of_labels(struct countersign_list **listp, struct cs_bytes body);

#endif
