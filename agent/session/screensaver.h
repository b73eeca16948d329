/* SPDX-License-Identifier: Apache-2.0 */
/* What desktops tell of their screen lock, on the session bus. */
#ifndef CS_AGENT_SESSION_SCREENSAVER_H
#define CS_AGENT_SESSION_SCREENSAVER_H

#include "bus/dbus.h"
#include "service.h"

/* The bus is ready. */
void cs_screensaver_listen(struct cs_dbus *bus);
/* A signal came; any. */
void cs_screensaver_take(struct cs_service *service, DBusMessage *message);

#endif
