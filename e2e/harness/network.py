"""A network that can be cut: every host in a network namespace of its own, behind a router in another.

Nothing of it is seen from the machine's own network. A cut is a rule of the router that drops what goes from one host to
another, in one direction; nobody is told, packets just do not arrive, as with a broken switch.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
ROUTER = "router"


def why_not():
    """Why namespaces cannot be made here; None where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip") or not shutil.which("nsenter"):
        return "there is no `ip` (iproute2) or no `nsenter` (util-linux)"
    probe = f"hr{os.getpid()}-probe"
    r = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if r.returncode:
        return f"network namespaces cannot be made: {r.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return None


def _ip(*args):
    r = subprocess.run(["ip", *map(str, args)], capture_output=True, text=True)
    assert r.returncode == 0, f"ip {' '.join(map(str, args))}: {r.stderr}"


_numbers = itertools.count()


class Network:
    def __init__(self, hosts):
        """Hosts are any names; each gets an address of its own in 10.200.0.0/16, which exists in these namespaces only."""
        self.prefix = f"hr{os.getpid()}-{next(_numbers)}"
        self.numbers = {host: n for n, host in enumerate(hosts, start=1)}
        self.cuts = set()
        self.made = []
        try:
            self._make()
        except BaseException:
            self.remove()
            raise

    def _make(self):
        for host in (ROUTER, *self.numbers):
            _ip("netns", "add", self.namespace(host))
            self.made.append(host)
        router = self.namespace(ROUTER)
        for host, n in self.numbers.items():
            here = self.namespace(host)
            _ip("-n", router, "link", "add", f"to{n}", "type", "veth", "peer", "name", "up0", "netns", here)
            _ip("-n", router, "addr", "add", f"10.200.{n}.1/24", "dev", f"to{n}")
            _ip("-n", router, "link", "set", f"to{n}", "up")
            _ip("-n", here, "addr", "add", f"{self.address(host)}/24", "dev", "up0")
            _ip("-n", here, "link", "set", "up0", "up")
            _ip("-n", here, "link", "set", "lo", "up")
            _ip("-n", here, "route", "add", "default", "via", f"10.200.{n}.1")
        subprocess.run([*self.within(ROUTER), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)

    def namespace(self, host):
        return f"{self.prefix}-{host}"

    def address(self, host):
        return f"10.200.{self.numbers[host]}.2"

    def within(self, host):
        """What a command line begins with to run on a host."""
        return ["nsenter", f"--net=/run/netns/{self.namespace(host)}"]

    @contextlib.contextmanager
    def entered(self, host):
        """This thread is on that host meanwhile, and so is every thread and process that it starts."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(path):
            with open(path) as f:
                if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {path}")
        with open("/proc/thread-self/ns/net") as home:
            enter(f"/run/netns/{self.namespace(host)}")
            try:
                yield
            finally:
                enter(f"/proc/self/fd/{home.fileno()}")

    def cut(self, sender, receiver):
        """From now on nothing arrives of what goes from one host to another."""
        if (sender, receiver) not in self.cuts:
            self._rule("add", sender, receiver)
            self.cuts.add((sender, receiver))

    def cut_both(self, host, others):
        for other in others:
            self.cut(host, other)
            self.cut(other, host)

    def heal(self):
        for sender, receiver in list(self.cuts):
            self._rule("del", sender, receiver)
            self.cuts.discard((sender, receiver))

    def _rule(self, verb, sender, receiver):
        _ip("-n", self.namespace(ROUTER), "rule", verb, "from", self.address(sender), "to", self.address(receiver), "blackhole")

    def remove(self):
        while self.made:
            subprocess.run(["ip", "netns", "del", self.namespace(self.made.pop())], capture_output=True)
