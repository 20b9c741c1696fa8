"""The images that the tests run: Headrace as it was built, this machine's PostgreSQL, and a frame for this machine's clients."""

import os
import tempfile

from harness.service import BIN, ROOT
from kubernetes.harness.kube import CLUSTER, STATE, Kube, run

HEADRACE = "localhost/headrace:e2e"
POSTGRES = "localhost/postgres:e2e"
CLIENTS = "localhost/clients:e2e"


def headrace(out):
    assert os.path.exists(BIN), f"there is no {BIN}: build it, or set HEADRACE_BIN"
    run(os.path.join(ROOT, "scripts", "image"), "--binary", BIN, "--tag", HEADRACE, "--out", out)


def postgres(out):
    run(os.path.join(ROOT, "e2e", "kubernetes", "postgres-image"), out)


def clients(out):
    """Nothing but the places where this machine's folders go: see clients.py."""
    with tempfile.TemporaryDirectory() as root:
        for folder in ("usr", "tmp", "etc", "proc", "dev", "sys"):
            os.mkdir(os.path.join(root, folder))
        for folder in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink(f"/{folder}"):
                os.symlink(os.readlink(f"/{folder}"), os.path.join(root, folder))
        run(os.path.join(CLUSTER, "pack-image"), CLIENTS, root, out, "/usr/bin/sleep", "infinity")


def load_all():
    """Once for each build, as long as the Kubernetes is there."""
    done, built = os.path.join(STATE, "images-of"), os.stat(BIN)
    stamp = f"{BIN} {built.st_size} {built.st_mtime_ns}"
    if os.path.exists(done) and open(done).read() == stamp:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (("headrace", headrace), ("postgres", postgres), ("clients", clients)):
            out = os.path.join(folder, f"{name}.tar")
            make(out)
            Kube.load(out)
    with open(done, "w") as f:
        f.write(stamp)
