/* SPDX-License-Identifier: Apache-2.0 */
/* countersign setup: programs that use the agent from now on, by their own configuration. */
#include "cli/setup/setup.h"
#include "cli/verbs.h"

#include <string.h>
#include <unistd.h>

struct wish {
    bool dry_run, undo, yes;
    char **targets;
    int n_targets;
};

static const struct cs_target *wished(const struct wish *wish, const struct cs_target *target)
{
    for (int i = 0; i < wish->n_targets; i++)
        if (cs_target_get(wish->targets[i]) == target)
            return target;
    return NULL;
}

/* Whether there is anything of the target to be undone; scratch->needed says what it stands on. */
static bool is_set_up(
    struct cs_setup *scratch, const struct cs_setup *setup, const struct cs_target *target)
{
    bool is;

    *scratch = *setup;
    scratch->plan = (struct cs_plan){.undo = true};
    scratch->identity = NULL;
    scratch->fault = NULL;
    memset(scratch->needed, 0, sizeof(scratch->needed));
    memset(scratch->planned, 0, sizeof(scratch->planned));
    is = cs_setup_plan(scratch, target) == 0 && cs_plan_work_out(&scratch->plan, NULL) == 0 &&
         cs_plan_n_changes(&scratch->plan, target->name) > 0;
    cs_plan_deinit(&scratch->plan);
    return is;
}

/* Whether another target that is set up stands on one that is to be undone. */
static int refuse_needed(
    const struct cs_setup *setup, const struct wish *wish, const struct cs_target *other)
{
    struct cs_setup scratch;

    if (!is_set_up(&scratch, setup, other))
        return 0;
    for (size_t i = 0; i < cs_n_targets; i++)
        if (scratch.needed[i] && wished(wish, &cs_targets[i]) &&
            cs_plan_n_changes(&setup->plan, cs_targets[i].name) > 0)
            return cs_fail(setup->fault, CS_ERR_INVALID,
                "%s stands on %s: undo it too, by 'countersign setup %s %s --undo'", other->name,
                cs_targets[i].name, other->name, cs_targets[i].name);
    return 0;
}

/* What was brought along stays, because others may stand on it, too. */
static int note_left(struct cs_setup *setup, const struct wish *wish)
{
    char names[128] = "";

    /* Those that are stood on come first in the order of targets. */
    for (size_t i = cs_n_targets; i-- > 0;) {
        struct cs_setup scratch;
        size_t at = strlen(names);

        if (!setup->needed[i] || wished(wish, &cs_targets[i]))
            continue;
        if (is_set_up(&scratch, setup, &cs_targets[i]) && at < sizeof(names))
            snprintf(names + at, sizeof(names) - at, " %s", cs_targets[i].name);
        for (size_t j = 0; j < i; j++)
            setup->needed[j] = setup->needed[j] || scratch.needed[j];
    }
    if (!*names)
        return 0;
    return cs_plan_note(&setup->plan,
        "Still set up, for other programs:%s. 'countersign setup%s --undo' takes it back.", names,
        names);
}

static int plan(struct cs_setup *setup, const struct wish *wish)
{
    int r = 0;

    for (size_t i = 0; i < cs_n_targets && r == 0; i++)
        if (wished(wish, &cs_targets[i]))
            r = cs_setup_plan(setup, &cs_targets[i]);
    if (r == 0 && setup->preload && !setup->planned[cs_target_get("session") - cs_targets])
        r = cs_fail(setup->fault, CS_ERR_INVALID,
            "--preload is for session, which nothing here needs: name it, too");
    if (r == 0)
        r = cs_plan_work_out(&setup->plan, setup->fault);
    for (size_t i = 0; i < cs_n_targets && r == 0 && wish->undo; i++)
        if (!wished(wish, &cs_targets[i]))
            r = refuse_needed(setup, wish, &cs_targets[i]);
    return r == 0 && wish->undo ? note_left(setup, wish) : r;
}

/* CS_OPTIONS_GO to go on, else the exit status. */
static int confirm(const struct cs_setup *setup, const struct wish *wish)
{
    char answer[16] = "";

    if (wish->dry_run) {
        fputs("Nothing was changed: this was --dry-run.\n", setup->cli->out);
        return CS_EXIT_OK;
    }
    if (wish->yes)
        return CS_OPTIONS_GO;
    fflush(setup->cli->out);
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cs_cli_say("nothing was changed, because there is no terminal to ask at: --yes does it");
        return CS_EXIT_FAILURE;
    }
    fputs("Change this? [y/N] ", stderr);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return CS_OPTIONS_GO;
    fputs("Nothing was changed.\n", setup->cli->out);
    return CS_EXIT_DENIED;
}

static int carry_out(struct cs_setup *setup, const struct wish *wish)
{
    const char *const stops[] = {setup->home, setup->config, setup->data, "/etc", NULL};
    size_t n = cs_plan_n_changes(&setup->plan, NULL);
    int status, r;

    if (n == 0) {
        fprintf(setup->cli->out, "Nothing is to be %s.\n", wish->undo ? "undone" : "changed");
        cs_plan_show_notes(&setup->plan, setup->cli);
        return CS_EXIT_OK;
    }
    cs_plan_show(&setup->plan, setup->cli, setup->home);
    status = confirm(setup, wish);
    if (status != CS_OPTIONS_GO) {
        cs_plan_show_notes(&setup->plan, setup->cli);
        return status;
    }
    r = cs_plan_carry_out(&setup->plan, stops, setup->fault);
    if (r < 0) {
        cs_cli_say("%s", cs_fault_text(setup->fault, r));
        return CS_EXIT_FAILURE;
    }
    fprintf(setup->cli->out, "%zu file%s changed.\n", n, n == 1 ? "" : "s");
    cs_plan_show_notes(&setup->plan, setup->cli);
    return CS_EXIT_OK;
}

static int set_up(struct cs_cli *cli, struct cs_setup *setup, const struct wish *wish)
{
    struct cs_fault fault = {0};
    int status, r = cs_setup_init(setup, cli, wish->undo, &fault);

    if (r == 0)
        r = plan(setup, wish);
    if (r == 0) {
        status = carry_out(setup, wish);
    } else {
        cs_cli_say("%s", cs_fault_text(&fault, r));
        status = r == CS_ERR_INVALID ? CS_EXIT_FAILURE : cs_error_exit_status(r);
    }
    cs_setup_deinit(setup);
    return status;
}

/* An option that would do nothing is told, by plan() if it is --preload, lest somebody believes
 * that it did: what is for every user is not mixed with what is for one. */
static int check_options(const struct cs_setup *setup, int argc, char **argv)
{
    bool has_git = false;

    for (int i = 0; i < argc; i++) {
        bool is_firefox = strcmp(argv[i], "firefox") == 0;

        if (!cs_target_get(argv[i]))
            return cs_cli_usage(setup->cli, "there is no target '%s'", argv[i]);
        if (setup->policies && !is_firefox)
            return cs_cli_usage(setup->cli, "--policies is for firefox, not for %s", argv[i]);
        if (setup->system && !is_firefox && strcmp(argv[i], "p11-kit") != 0)
            return cs_cli_usage(
                setup->cli, "--system is for firefox and p11-kit, not for %s", argv[i]);
        has_git = has_git || strcmp(argv[i], "git") == 0;
    }
    if (setup->host && !has_git)
        return cs_cli_usage(setup->cli, "--host is for git");
    if (setup->policies && setup->policies[0] != '/')
        return cs_cli_usage(setup->cli, "--policies needs a path that begins with /");
    if (setup->host && setup->host[strcspn(setup->host, "/\"\\ \t\n")])
        return cs_cli_usage(setup->cli, "--host needs the name of a server, and a port if need be");
    return CS_OPTIONS_GO;
}

static int run(struct cs_cli *cli, int argc, char **argv)
{
    struct wish wish = {0};
    struct cs_setup setup = {0};
    const struct cs_option options[] = {
        {.name = "dry-run", .flag = &wish.dry_run},
        {.name = "undo", .flag = &wish.undo},
        {.name = "yes", .letter = 'y', .flag = &wish.yes},
        {.name = "identity", .value = &setup.identity_name},
        {.name = "host", .value = &setup.host},
        {.name = "preload", .flag = &setup.preload},
        {.name = "system", .flag = &setup.system},
        {.name = "policies", .value = &setup.policies},
    };
    int r = cs_options_read(
        cli, options, sizeof(options) / sizeof(options[0]), &argc, &argv, 1, CS_TARGETS_MAX);

    if (r != CS_OPTIONS_GO)
        return r;
    setup.cli = cli;
    r = check_options(&setup, argc, argv);
    if (r != CS_OPTIONS_GO)
        return r;
    wish.targets = argv;
    wish.n_targets = argc;
    return set_up(cli, &setup, &wish);
}

const struct cs_verb cs_verb_setup = {
    .name = "setup",
    .arguments = "TARGET... [--dry-run] [--undo] [--yes] [--identity ID]\n"
                 "                       [--host HOST] [--preload] [--system] [--policies FILE]",
    .summary = "have a program use your key from now on",
    .help = "Writes into the configuration of programs, or beside it, what they need to use\n"
            "your key. What changes is shown first, line by line, and done when you say so.\n"
            "What you wrote yourself is never changed, and --undo takes back what was\n"
            "written. Doing it again changes nothing, or brings it up to date.\n"
            "\n"
            "  openssl      an openssl.cnf with the agent's keys; it includes yours\n"
            "  session      OPENSSL_CONF for every program of your session (environment.d)\n"
            "  curl         ~/.curlrc names your certificate\n"
            "  git          ~/.gitconfig does, for https\n"
            "  wget         ~/.wgetrc does\n"
            "  openconnect  a file for --config, of VPNs such as AnyConnect's\n"
            "  python       a file for ssl.SSLContext.load_cert_chain\n"
            "  node         a file for cert and key of https.request\n"
            "  nginx        a file to include: nginx to the servers behind it\n"
            "  psql         ~/.postgresql, for all that uses libpq\n"
            "  chromium     the PKCS#11 module in Chromium's database\n"
            "  firefox      the PKCS#11 module in Firefox's profiles\n"
            "  thunderbird  the PKCS#11 module in Thunderbird's profiles\n"
            "  p11-kit      the PKCS#11 module for GnuTLS and others\n"
            "  java         a configuration of SunPKCS11\n"
            "  openvpn      a file for --config\n"
            "  ssh          ~/.ssh/config names the PKCS#11 module\n"
            "\n"
            "  --dry-run        show the change alone\n"
            "  --undo           take back what setup wrote\n"
            "  -y, --yes        do not ask\n"
            "  --identity ID    which key; not needed if there is only one\n"
            "  --host HOST      git: for this server alone\n"
            "  --preload        session: programs present a certificate untold, as by\n"
            "                   'countersign run'\n"
            "  --system         firefox, p11-kit: for every user of this machine, as root\n"
            "  --policies FILE  firefox: in this policies.json\n",
    .examples = "  countersign setup curl --dry-run\n"
                "  countersign setup git --identity alice --host git.corp.example\n"
                "  countersign setup curl git --undo\n",
    .run = run,
};
