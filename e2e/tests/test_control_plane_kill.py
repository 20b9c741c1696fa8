"""The control plane killed at each step of a create, and two control planes on one database."""

import os
import shutil
import signal
import subprocess

import pytest
from confluent_kafka import Producer

from harness import ports, processes
from harness.api import Api
from harness.postgres import Postgres
from harness.service import BIN, temp_dir
from harness.wait import until


class ControlPlanes:
    """Several control planes on one Postgres and one data directory, as replicas would run on one machine."""

    def __init__(self):
        self.dir, self.ports = temp_dir(), ports.block()
        self.data = os.path.join(self.dir, "data")
        self.postgres = Postgres(self.dir, self.ports[-1])
        self.running = {}

    def start(self, n):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")}
        log = open(os.path.join(self.dir, f"control-plane-{n}.log"), "a")
        self.running[n] = subprocess.Popen(
            [BIN, "control-plane", "--database-url", self.postgres.url, "--listen", f"127.0.0.1:{self.ports[n]}", "--data-dir", self.data,
             "--kafka-ports", f"{self.ports[5]}-{self.ports[-2]}"], stdout=log, stderr=log, env=env, start_new_session=True)
        base = f"http://127.0.0.1:{self.ports[n]}"
        until(f"control plane {n}", lambda: Api(base).get("/readyz").status == 200, 60)
        return Api(base, open(os.path.join(self.data, "admin-key")).read().strip())

    def kill(self, n):
        p = self.running.pop(n)
        p.send_signal(signal.SIGKILL)
        p.wait()


@pytest.fixture(scope="module")
def planes():
    c = ControlPlanes()
    try:
        c.postgres.start()
        yield c
    finally:
        processes.kill_all(c.dir)
        c.postgres.stop()
        shutil.rmtree(c.dir, ignore_errors=True)


def kill_when_step_runs(planes, n, api, operation, step):
    """Follows the operation by its event stream and kills the control plane as soon as this step is seen at work."""
    try:
        for _, op in api.events(f"/v1/operations/{operation}/watch"):
            if op["steps"][step]["state"] in ("running", "succeeded") or op["state"] == "succeeded":
                break
    finally:
        planes.kill(n)


def one_broker(planes, cluster):
    folder = os.path.join(planes.data, "clusters", cluster["id"])
    found = processes.of(folder)
    assert sorted(" broker " in c for c in found.values()) == [False, True], f"one broker and one agent, not {found}"


def works(cluster):
    p = Producer({"bootstrap.servers": cluster["status"]["bootstrap_servers"]})
    p.produce("t", "x")
    assert p.flush(30) == 0


def test_killed_at_each_step_of_a_create_the_next_one_finishes_it(planes):
    api = planes.start(0)
    steps = len(api.operation(api.ok("POST", "/v1/clusters", {"name": "steps", "brokers": 1})["id"])["steps"])
    assert steps >= 3
    api.delete_cluster("steps")
    for step in range(steps):
        name = f"killed-{step}"
        op = api.ok("POST", "/v1/clusters", {"name": name, "brokers": 1})
        kill_when_step_runs(planes, 0, api, op["id"], step)
        api = planes.start(0)
        api.operation(op["id"])
        cluster = api.running(name)
        one_broker(planes, cluster)
        works(cluster)
        api.delete_cluster(name)
    planes.kill(0)


def test_two_control_planes_share_the_work_and_survive_each_other(planes):
    a, b = planes.start(1), planes.start(2)
    ops = [(a if i % 2 else b).ok("POST", "/v1/clusters", {"name": f"pair-{i}", "brokers": 1})["id"] for i in range(4)]
    planes.kill(1)
    for i, op in enumerate(ops):
        b.operation(op)
        cluster = b.running(f"pair-{i}")
        one_broker(planes, cluster)
        works(cluster)
    # Brokers outlive every control plane, and the next one adopts them.
    cluster = b.ok("GET", "/v1/clusters/pair-0")
    before = processes.of(os.path.join(planes.data, "clusters", cluster["id"]))
    planes.kill(2)
    works(cluster)
    b = planes.start(2)
    b.running("pair-0")
    assert processes.of(os.path.join(planes.data, "clusters", cluster["id"])) == before
    for i in range(4):
        b.delete_cluster(f"pair-{i}")
    assert processes.brokers(planes.dir) == []
