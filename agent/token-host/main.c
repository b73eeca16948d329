/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign-token-host: runs one PKCS#11 module for the agent that started it. Descriptor 3 is
 * the way to the agent, host-message.h what is said over it. It lives as long as the agent keeps
 * its end open.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "harden.h"
#include "talk.h"
#include "token-host/request.h"

#include <countersign/error.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LINK_FD 3
#define PATIENCE 2 /* seconds for jobs under way, when the agent is gone */

static const char usage[] =
    "usage: countersign-token-host --talk VERSION --name NAME --module PATH [--init-args ARGS]\n"
    "                              [--hot-plug wait|never|MILLISECONDS] [--restarted]\n"
    "Runs a PKCS#11 module for countersign-agent, which starts it with descriptor 3 connected.\n";

/* 0, or an exit status with its sign turned, or 1 if all is said. */
static int parse(int argc, char **argv, struct cs_host *host)
{
    static const struct option options[] = {{"talk", required_argument, NULL, 't'},
        {"name", required_argument, NULL, 'n'}, {"module", required_argument, NULL, 'm'},
        {"init-args", required_argument, NULL, 'i'}, {"hot-plug", required_argument, NULL, 'p'},
        {"restarted", no_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 't':
            host->talk = optarg;
            break;
        case 'n':
            host->name = optarg;
            break;
        case 'm':
            host->path = optarg;
            break;
        case 'i':
            host->init_args = optarg;
            break;
        case 'p':
            host->hot_plug = optarg;
            break;
        case 'r':
            host->restarted = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        case 'v':
            puts("countersign-token-host " CS_VERSION);
            return 1;
        default:
            return -CS_EXIT_USAGE;
        }
    }
    if (!cs_plug_init(&host->plug, host->hot_plug ? host->hot_plug : "never", &host->slots))
        return -CS_EXIT_USAGE;
    return host->talk && host->name && host->path && optind == argc ? 0 : -CS_EXIT_USAGE;
}

/* The module is finalised, which ends logins, unless a call into it does not come back. The exit
 * handlers of vendors' libraries are not run: some crash in them. */
static _Noreturn void finish(struct cs_host *host)
{
    bool rested = cs_plug_stop(&host->plug, PATIENCE);

    cs_cancel_all(&host->cancels);
    if (cs_workers_stop(&host->workers, PATIENCE) && rested && host->module) {
        alarm(PATIENCE);
        cs_module_free(host->module);
    }
    fflush(NULL);
    _exit(0);
}

static int take_frames(struct cs_host *host)
{
    struct cs_frame frame;
    int r;

    while ((r = cs_link_next(&host->link, &frame)) > 0) {
        r = cs_request_handle(host, &frame);
        if (r < 0)
            break;
    }
    return r;
}

/* All that the agent has said. */
static void serve(void *arg)
{
    struct cs_host *host = arg;
    int r;

    while ((r = cs_link_read(&host->link)) > 0) {
        r = take_frames(host);
        if (r < 0)
            break;
    }
    if (r < 0 && r != CS_ERR_CLOSED)
        cs_log_r(CS_LOG_ERROR, r, "the agent's messages cannot be read");
    if (r < 0)
        finish(host);
}

int main(int argc, char **argv)
{
    static struct cs_host host;
    int r = parse(argc, argv, &host);

    if (r > 0)
        return CS_EXIT_OK;
    if (r < 0)
        fputs(usage, stderr);
    if (r < 0)
        return -r;
    if (!cs_talk_is_ours("countersign-token-host", host.talk))
        return CS_EXIT_USAGE;
    if (cs_harden() < 0 || fcntl(LINK_FD, F_SETFD, FD_CLOEXEC) < 0) {
        fputs("countersign-token-host: descriptor 3 is not open: the agent starts this program\n",
            stderr);
        return CS_EXIT_FAILURE;
    }
    /* A module that loads others, p11-kit's proxy for one, may load our own: it must find no agent
     * here, or it would show the agent its own tokens. */
    if (setenv("COUNTERSIGN_SOCKET", "none", 1) < 0)
        return CS_EXIT_FAILURE;
    /* openssl.cnf is for programs; here nothing but the module is loaded beside the PIN. By the
     * environment, for a module may come with an OpenSSL of its own. */
    if (setenv("OPENSSL_CONF", "/dev/null", 1) < 0)
        return CS_EXIT_FAILURE;
    cs_log_init(cs_log_to_stderr, secure_getenv("COUNTERSIGN_DEBUG") ? CS_LOG_DEBUG : CS_LOG_INFO);
    cs_link_init(&host.link, LINK_FD);
    cs_slots_init(&host.slots, &host.link, &host.cancels);
    host.slots.after_failure = host.restarted;
    if (host.restarted)
        host.slots.first_why = "its module failed and was started anew";
    cs_cancels_init(&host.cancels);
    cs_refresh_init(&host.refresh, &host);
    if (cs_workers_init(&host.workers, LINK_FD, serve, &host) < 0 || cs_request_boot(&host) < 0)
        return CS_EXIT_FAILURE;
    cs_workers_join(&host.workers);
}
