"""A block of ports for each test process, so that suites run side by side.

A block is held by a lock on a file for as long as the process lives, and lies below the range from which the kernel
gives out ports by itself."""

import fcntl
import os
import socket
import tempfile

FIRST_PORT = 21000
BLOCK_PORTS = 50
BLOCKS = 230

_held = []


def _bindable(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def block():
    """The ports of a block that no other test process holds, as a range."""
    folder = os.path.join(tempfile.gettempdir(), "headrace-e2e-ports")
    os.makedirs(folder, exist_ok=True)
    for n in range(BLOCKS):
        f = open(os.path.join(folder, str(n)), "w")
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            f.close()
            continue
        ports = range(FIRST_PORT + n * BLOCK_PORTS, FIRST_PORT + (n + 1) * BLOCK_PORTS)
        if all(_bindable(p) for p in ports):
            _held.append(f)
            return ports
        f.close()
    raise RuntimeError("no free block of ports: are old services still running?")
