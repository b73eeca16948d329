/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules of the script do to a call: first it is planned, while the script is held still,
 * then played with nothing held, for it may take forever or be the end of the process.
 */
#include "inject.h"

#include "control.h"
#include "counter.h"
#include "log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define POLL_MS 10

static bool applies(
    const struct fault_rule *rule, enum fault_function function, const CK_SLOT_ID *slot)
{
    if (rule->function != FAULT_EVERY_FUNCTION && rule->function != function)
        return false;
    if (rule->elder && !fault_control_is_elder())
        return false;
    return !rule->has_slot || (slot && *slot == rule->slot);
}

/* Whether the limits let the rule fire at the call of that number; if so it has fired. */
static bool fires(const struct fault_rule *rule, struct fault_rule_count *count, uint32_t number)
{
    uint32_t fired = atomic_load(&count->fired);

    if (number < rule->at || (number - rule->at) % rule->every != 0)
        return false;
    do {
        if (rule->times && fired >= rule->times)
            return false;
    } while (!atomic_compare_exchange_weak(&count->fired, &fired, fired + 1));
    return true;
}

struct fault_plan fault_inject_plan(enum fault_function function, const CK_SLOT_ID *slot)
{
    const struct fault_script *script = fault_control_script();
    struct fault_plan plan = {.version = fault_control_version()};

    for (size_t i = 0; i < script->n_rules; i++) {
        const struct fault_rule *rule = &script->rules[i];
        struct fault_rule_count *count = fault_counter_rule(i);
        bool is_delay = rule->action == FAULT_DELAY;
        uint32_t number;

        if (!applies(rule, function, slot))
            continue;
        number = atomic_fetch_add(&count->seen, 1) + 1;
        if ((plan.is_set && !is_delay) || !fires(rule, count, number))
            continue;
        if (is_delay) {
            plan.delay += rule->value;
        } else {
            plan.rule = *rule;
            plan.is_set = true;
        }
    }
    return plan;
}

bool fault_inject_waits(const struct fault_plan *plan)
{
    return plan->delay > 0 || (plan->is_set && plan->rule.action != FAULT_FAIL);
}

static void hang(const struct fault_plan *plan)
{
    do
        fault_control_sleep(POLL_MS);
    while (plan->rule.forever || !fault_control_is_newer(&plan->version));
}

/*
 * A fault of the memory's own: raise could be blocked, and a null pointer is a sanitizer's. It is
 * no finding, so AddressSanitizer's handler, if there is one, is not to see it.
 */
static void crash(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    signal(SIGSEGV, SIG_DFL);
    *page = 1;
}

void fault_inject_play(const struct fault_plan *plan, enum fault_function function)
{
    const char *name = fault_function_name(function);

    if (plan->delay)
        fault_control_sleep(plan->delay);
    if (!plan->is_set || plan->rule.action == FAULT_FAIL)
        return;
    if (plan->rule.action == FAULT_HANG) {
        fault_log("@hang function=%s", name);
        hang(plan);
        return;
    }
    fault_log("@crash function=%s", name);
    if (plan->rule.action == FAULT_CRASH)
        crash();
    if (plan->rule.action == FAULT_EXIT)
        _exit((int)plan->rule.value);
    abort();
}

CK_RV fault_inject_rv(const struct fault_plan *plan, bool *afterp)
{
    *afterp = plan->is_set && plan->rule.after;
    return plan->is_set ? plan->rule.rv : CKR_OK;
}
