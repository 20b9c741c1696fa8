"""Processes by the folder they were started for: to kill them, and to prove that none is left."""

import os
import signal


def of(folder):
    """The live processes whose command line names this folder: {pid: command line}."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().decode("utf-8", "replace").split("\0")
            state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z" and int(pid) != os.getpid() and any(str(folder) in w for w in words):
            found[int(pid)] = " ".join(words).strip()
    return found


def brokers(folder):
    return [p for p, c in of(folder).items() if " broker " in c]


def kill_all(folder, sig=signal.SIGKILL):
    for pid in of(folder):
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def rss_bytes(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
