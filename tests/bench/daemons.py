# SPDX-License-Identifier: Apache-2.0
"""The agent and its token host: how soon they answer, and what they take."""
import time

import programs
import protocol_client as protocol
from stage import middle, private_kib, turns


def start_up(report, stage, rounds):
    report.heading(f"From the agent's start to its first answer, {len(stage.ids)} identities")
    stage.agent.stop()

    def enumerate_alone():
        return stage.bench("bench-enumerate", programs.SOFTHSM, stage.token.label)[0][0] / 1e6

    def ours():
        start = time.perf_counter()
        stage.agent.start()
        seen = len(protocol.Client(stage.agent.socket).identities())
        took = (time.perf_counter() - start) * 1000
        stage.agent.stop()
        if seen < len(stage.ids):
            raise RuntimeError(f"{seen} identities")
        return took
    alone, whole = turns(rounds, enumerate_alone, ours)
    stage.agent.start()
    report.add("the module's own enumeration", middle(alone), "ms")
    report.add("agent's start to its list of identities", middle(whole), "ms")
    report.add("over the module's own", middle(whole) - middle(alone), "ms", aim=100)


def memory(report, stage, aim):
    client = protocol.Client(stage.agent.socket)
    client.identities()  # so that all has been read
    status = client.status()
    try:
        used = [private_kib(pid) for pid in [status.pid, *(module.pid for module in status.modules)]]
    except PermissionError:
        print("  our daemons cannot be looked into: run as root for their memory")
        return
    stage.agent.stop()  # its token host would share the module's libraries
    own = stage.bench("bench-enumerate", programs.SOFTHSM, stage.token.label)[0][2]
    stage.agent.start()
    stage.agent.unlock(stage.token)
    report.add(f"private memory of agent and token host, {len(stage.ids)} identities", sum(used) * 1024 / 1e6, "MB",
               aim=aim)
    report.add("what the module needs for them in a process that does nothing else", own * 1024 / 1e6, "MB")
