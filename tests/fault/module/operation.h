/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of a session: which call ends one, and which breaks a job that wants its own PIN. */
#ifndef FAULT_OPERATION_H
#define FAULT_OPERATION_H

#include "session.h"

/* A call on a session begins. */
void fault_operation_seen(enum fault_function function, struct fault_session *session);
/* The call answers an error that SoftHSM knows nothing of: what would have ended, ends. */
void fault_operation_failed(enum fault_function function, struct fault_session *session, CK_RV rv);
void fault_operation_drop(struct fault_session *session);

#endif
