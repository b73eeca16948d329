/* SPDX-License-Identifier: Apache-2.0 */
/* countersign-agent: parses the command line and runs the agent in the foreground. */
#include "agent.h"
#include "harden.h"
#include "base/log.h"

#include <countersign/error.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

static const char usage[] =
    "usage: countersign-agent [OPTION]...\n"
    "Serves the keys on your PKCS#11 tokens to your programs, in the foreground.\n"
    "\n"
    "  --config PATH      a file, or a directory of *.conf files, in place of\n"
    "                     /etc/countersign and ~/.config/countersign\n"
    "  --system-config PATH  in place of /etc/countersign (for tests)\n"
    "  --socket PATH      the socket, in place of $XDG_RUNTIME_DIR/countersign/agent.sock\n"
    "  --check            read the configuration, say what is wrong with it, and end\n"
    "  --unless-running   if another agent serves the socket, end well; else\n"
    "                     end when the session bus does\n"
    "  --token-host PATH  the program that runs a module (for tests)\n"
    "  --prompt PATH      the program that asks for a PIN (for tests)\n"
    "  --verbose          log more\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "Then: 'countersign list' shows the keys, 'countersign status' the modules.\n"
    "See countersign-agent(1) and countersign.conf(5).\n";

enum option_code {
    OPTION_CONFIG = 256,
    OPTION_SYSTEM_CONFIG,
    OPTION_SOCKET,
    OPTION_CHECK,
    OPTION_UNLESS_RUNNING,
    OPTION_TOKEN_HOST,
    OPTION_PROMPT,
    OPTION_VERBOSE,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"system-config", required_argument, NULL, OPTION_SYSTEM_CONFIG},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"unless-running", no_argument, NULL, OPTION_UNLESS_RUNNING},
    {"token-host", required_argument, NULL, OPTION_TOKEN_HOST},
    {"prompt", required_argument, NULL, OPTION_PROMPT},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* 0 to go on, 1 when all is said, negative when the command line is wrong. */
static int parse(int argc, char **argv, struct cs_agent_options *options, bool *verbosep)
{
    int c;

    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (c) {
        case OPTION_CONFIG:
            options->config = optarg;
            break;
        case OPTION_SYSTEM_CONFIG:
            options->system_config = optarg;
            break;
        case OPTION_SOCKET:
            options->socket = optarg;
            break;
        case OPTION_CHECK:
            options->check = true;
            break;
        case OPTION_UNLESS_RUNNING:
            options->unless_running = true;
            break;
        case OPTION_TOKEN_HOST:
            options->token_host = optarg;
            break;
        case OPTION_PROMPT:
            options->prompt = optarg;
            break;
        case OPTION_VERBOSE:
            *verbosep = true;
            break;
        case OPTION_VERSION:
            puts("countersign-agent " CS_VERSION);
            return 1;
        case OPTION_HELP:
            fputs(usage, stdout);
            return 1;
        default:
            return CS_ERR_INVALID;
        }
    }
    return optind == argc ? 0 : CS_ERR_INVALID;
}

int main(int argc, char **argv)
{
    struct cs_agent_options options = {
        .token_host = CS_LIBEXECDIR "/countersign-token-host",
        .prompt = CS_LIBEXECDIR "/countersign-prompt",
    };
    struct cs_fault fault = {0};
    bool verbose = false;
    int r = parse(argc, argv, &options, &verbose);

    if (r > 0)
        return CS_EXIT_OK;
    if (r < 0) {
        fputs("try 'countersign-agent --help'\n", stderr);
        return CS_EXIT_USAGE;
    }
    umask(077);
    cs_log_init(cs_log_to_stderr, verbose ? CS_LOG_DEBUG : CS_LOG_INFO);
    /* openssl.cnf is for programs: it may leave out what we need, and load our own provider. */
    r = setenv("OPENSSL_CONF", "/dev/null", 1) < 0 ? CS_ERR_MEMORY : cs_harden();
    if (r == 0)
        r = cs_agent_run(&options, &fault);
    if (r < 0)
        cs_error("%s", cs_fault_text(&fault, r));
    return r < 0 ? CS_EXIT_FAILURE : CS_EXIT_OK;
}
