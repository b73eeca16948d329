# SPDX-License-Identifier: Apache-2.0
"""A supervisor with a socket, as systemd is one: whenever somebody connects and no agent runs, one is
started with the socket; whatever becomes of an agent, the socket stays."""
import select
import socket
import threading

import programs
from wait import wait

# LISTEN_PID must be the process that becomes the agent.
_BECOME = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'


class Activator:
    def __init__(self, f, conf, environment=None):
        self.f, self.environment = f, environment
        self.words = [programs.AGENT, "--config", conf, "--token-host", programs.TOKEN_HOST, "--prompt",
                      programs.PROMPT]
        self.path = f.runtime / "countersign/agent.sock"
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.log_path = f.path("agent.log")
        self.started = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(128)
        self._goes_on = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while self._goes_on:
            ready, _, _ = select.select([self._listener], [], [], 0.02)
            if not ready or (self.started and self.started[-1].poll() is None):
                continue
            fd = self._listener.fileno()
            self.started.append(self.f.start(
                ["/bin/sh", "-c", _BECOME, "sh", fd, *self.words], log=self.log_path,
                environment=self.environment, pass_fds=[fd]))

    def kill(self):
        """Ends the agent that runs, if one does, as a crash would."""
        if self.started:
            self.started[-1].kill()
            self.started[-1].wait()

    def ended(self):
        """Waits until the agent that runs has ended by itself."""
        return wait(lambda: self.started and self.started[-1].poll() is not None, "the agent's end")

    def close(self):
        self._goes_on = False
        self._thread.join()
        self._listener.close()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
