/* SPDX-License-Identifier: Apache-2.0 */
/* countersign doctor: can a program use the token, by which way, and what is missing. */
#include "cli/doctor/checks.h"
#include "cli/verbs.h"

static int run(struct cs_cli *cli, int argc, char **argv)
{
    const struct cs_option options[] = {{.name = "json", .flag = &cli->json}};
    struct cs_findings findings = {0};
    struct cs_fault fault = {0};
    int status;
    int r = cs_options_read(cli, options, 1, &argc, &argv, 0, 1);

    if (r != CS_OPTIONS_GO)
        return r;
    cs_doctor_agent(&findings, cli);
    cs_doctor_config(&findings);
    cs_doctor_openssl(&findings);
    r = argc > 0 ? cs_doctor_program(&findings, argv[0], &fault) : 0;
    if (r == 0)
        r = findings.error;
    if (r < 0) {
        cs_cli_say("%s", cs_fault_text(&fault, r));
        cs_findings_deinit(&findings);
        return cs_error_exit_status(r);
    }
    status = cs_findings_worst(&findings) == CS_SEVERITY_ERROR ? CS_EXIT_FAILURE : CS_EXIT_OK;
    if (!cli->json)
        cs_findings_print(&findings, cli);
    else if (cs_findings_print_json(&findings, cli) != CS_EXIT_OK)
        status = CS_EXIT_FAILURE;
    cs_findings_deinit(&findings);
    return status;
}

const struct cs_verb cs_verb_doctor = {
    .name = "doctor",
    .arguments = "[PROGRAM] [--json]",
    .summary = "what keeps a program from your key",
    .help = "Looks at the agent, its socket, tokens and certificates, its configuration, the\n"
            "OpenSSL provider and OpenSSL's configuration; and at PROGRAM: which TLS library\n"
            "it has, and which way to your key is open to it. PROGRAM is read and not run.\n"
            "Whatever is wrong is told with the command that mends it. Nothing is changed,\n"
            "and nobody is asked for a PIN.\n"
            "\n"
            "  --json   print JSON\n"
            "\n"
            "The exit status is 1 if there is any error, 0 if there are warnings alone.\n",
    .examples = "  countersign doctor\n"
                "  countersign doctor curl\n",
    .run = run,
};
