/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a token host, wired together by main. */
#ifndef CS_TOKEN_HOST_HOST_H
#define CS_TOKEN_HOST_HOST_H

#include "token-host/cancel.h"
#include "token-host/configuration.h"
#include "token-host/link.h"
#include "token-host/plug.h"
#include "token-host/refresh.h"
#include "token-host/slot.h"
#include "token-host/worker.h"

struct cs_host {
    const char *talk, *name, *path, *init_args, *hot_plug;
    bool restarted; /* the one before failed */
    struct cs_link link;
    struct cs_configuration configuration;
    struct cs_slots slots;
    struct cs_plug plug;
    struct cs_cancels cancels;
    struct cs_workers workers;
    struct cs_refresh refresh;
    struct cs_module *module; /* set by the first job */
};

#endif
