"""`headrace up` with a data directory and ports of its own."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

from harness import ports, processes
from harness.api import Api
from harness.wait import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("HEADRACE_BIN", os.path.join(ROOT, "target", "debug", "headrace"))


def temp_dir():
    """A folder that PostgreSQL's unprivileged user can reach."""
    d = tempfile.mkdtemp(prefix="headrace-e2e-")
    os.chmod(d, 0o755)
    return d


class Service:
    def __init__(self):
        self.ports = ports.block()
        self.dir = temp_dir()
        self.data = os.path.join(self.dir, "data")
        self.process = None
        self.output = []

    @property
    def base(self):
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def flags(self):
        return ["--data-dir", self.data, "--listen", f"127.0.0.1:{self.ports[0]}",
                "--kafka-ports", f"{self.ports[1]}-{self.ports[-1]}"]

    @property
    def key(self):
        return open(os.path.join(self.data, "admin-key")).read().strip()

    @property
    def api(self):
        return Api(self.base, self.key)

    def env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_") and k != "DATABASE_URL"}
        return {**env, "HEADRACE_DATA_DIR": self.data}

    def up(self, *args, demo=False, timeout=120):
        """Starts it in the foreground and returns the Ready block."""
        self.output = []
        self.process = subprocess.Popen([BIN, "up", *self.flags, *([] if demo else ["--no-demo"]), *args], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=self.env(), start_new_session=True)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

        def ready():
            text = "".join(self.output)
            assert self.process.poll() is None, f"`headrace up` ended with {self.process.returncode}:\n{text}"
            return text if re.search(r"^\s*.*\bready\b", text, re.I | re.M) and self._answers() else None
        return until("`headrace up` to be ready", ready, timeout)

    def _read(self, process):
        for line in process.stdout:
            self.output.append(line)

    def _answers(self):
        try:
            return self.api.get("/readyz").status == 200
        except OSError:
            return False

    def stop(self, sig=signal.SIGINT, timeout=60):
        """Ctrl-C; returns the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(sig)
        return self.process.wait(timeout)

    def run(self, *args, stdin=None, timeout=60, check=True):
        """One command of the CLI against this service."""
        r = subprocess.run([BIN, *args], input=stdin, capture_output=True, text=True, timeout=timeout, env=self.env())
        if check:
            assert r.returncode == 0, f"headrace {' '.join(args)}: exit {r.returncode}\n{r.stdout}{r.stderr}"
        return r

    def cluster_dir(self, cluster):
        return os.path.join(self.data, "clusters", cluster["id"])

    def broker_pid(self, cluster):
        found = processes.brokers(self.cluster_dir(cluster))
        assert len(found) == 1, f"expected one broker, found {processes.of(self.cluster_dir(cluster))}"
        return found[0]

    def kill_broker(self, cluster):
        pid = self.broker_pid(cluster)
        os.kill(pid, signal.SIGKILL)
        return pid

    def remove(self):
        """Leaves nothing behind, whatever the test did."""
        try:
            self.stop()
        except Exception:
            pass
        processes.kill_all(self.dir)
        shutil.rmtree(self.dir, ignore_errors=True)
