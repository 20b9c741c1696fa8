"""Clusters of several brokers as the service makes them, grows them and restarts them, under load."""

import json
import os
import signal
import threading
import time

import pytest
from confluent_kafka import Producer

from harness import processes
from harness.admin import create_topic
from harness.load import Load
from harness.records import read_all, values
from harness.wait import until

WELL = {"under_replicated": 0, "under_min_isr": 0, "offline": 0}


class Watch:
    """Notes the fewest broker processes of a cluster that were seen at once."""

    def __init__(self, folder):
        self.folder, self.fewest = folder, 1_000
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stopping.is_set():
            self.fewest = min(self.fewest, len(processes.brokers(self.folder)))
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


def brokers(api, name):
    return api.ok("GET", f"/v1/clusters/{name}/brokers")["items"]


def well(api, name, count, partitions=0, timeout=60):
    """The cluster, once all its brokers serve, and it is seen that so many partitions have all their replicas in sync."""
    def is_well():
        c = api.ok("GET", f"/v1/clusters/{name}")
        assert c["status"]["state"] == "running" and c["status"]["brokers_ready"] == count, c["status"]
        health = c["status"]["partitions"]
        assert health and WELL.items() <= health.items() and health["total"] >= partitions, c["status"]
        found = brokers(api, name)
        assert [b["membership"] for b in found] == ["running"] * count, found
        return c
    return until(f"cluster {name} of {count} to be well", is_well, timeout)


def patch(api, name, body, timeout=180):
    return api.operation(api.ok("PATCH", f"/v1/clusters/{name}", body)["id"], timeout)


def pids(service, cluster):
    """The process of each broker by its id."""
    folder = service.cluster_dir(cluster)
    read = lambda n: int(open(os.path.join(folder, n, "broker.pid")).read())
    return {int(n.removeprefix("broker-")): read(n) for n in os.listdir(folder) if n.startswith("broker-")}


def state_of(operation, step):
    return next(s["state"] for s in operation["steps"] if s["name"] == step)


@pytest.fixture
def three(service):
    service.api.create_cluster("three", brokers=3, replication_factor=3)
    yield well(service.api, "three", 3)
    service.api.delete_cluster("three")


def test_three_brokers_serve_as_one(service, three):
    api, bootstrap = service.api, three["status"]["bootstrap_servers"]
    assert len(bootstrap.split(",")) == 3
    found = brokers(api, "three")
    assert [b["id"] for b in found if b["is_controller"]] == [three["status"]["controller_id"]]
    assert all(b["is_voter"] is not False for b in found), found

    topic = api.ok("POST", "/v1/clusters/three/topics", {"name": "t", "partitions": 6})
    assert topic["replication_factor"] == 3, topic
    assert {p["leader"] for p in topic["partition_details"]} == {1, 2, 3}
    p = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for i in range(1_000):
        p.produce("t", str(i))
    assert p.flush(30) == 0
    assert sorted(map(int, values(read_all(bootstrap, "t")))) == list(range(1_000))
    well(api, "three", 3, partitions=6)
    described = service.run("cluster", "describe", "three").stdout
    assert "broker 3" in described and "controller" in described and "under-replicated 0" in described
    refused = service.run("cluster", "scale", "three", "--brokers", "2", check=False)
    assert refused.returncode == 8 and "scale in" in refused.stderr, refused.stderr


def test_a_rolling_restart_fails_no_produce_and_takes_one_broker_at_a_time(service, three):
    api, bootstrap = service.api, three["status"]["bootstrap_servers"]
    create_topic(bootstrap, "t", replicas=3)
    well(api, "three", 3, partitions=1)
    before = pids(service, three)
    with Load(bootstrap, "t") as load, Watch(service.cluster_dir(three)) as watch:
        until("the load to begin", lambda: load.sent > 200)
        op = patch(api, "three", {"config": {"num.partitions": "6"}})
        until("the load to go on", lambda sent=load.sent: load.sent > sent + 200)
    assert op["kind"] == "cluster.update" and state_of(op, "restart_brokers") == "succeeded"
    after = pids(service, three)
    assert all(before[n] != after[n] for n in (1, 2, 3)), (before, after)
    assert watch.fewest == 2, "one broker is away at a time, and each was"
    assert load.failed == [] and values(read_all(bootstrap, "t")) == [str(i) for i in range(load.sent)]
    # What was asked for is in force.
    assert api.ok("POST", "/v1/clusters/three/topics", {"name": "six"})["partitions"] == 6


def test_a_broker_that_is_killed_comes_back_and_nothing_is_lost(service, three):
    api, bootstrap = service.api, three["status"]["bootstrap_servers"]
    create_topic(bootstrap, "t", replicas=3)
    well(api, "three", 3, partitions=1)
    for victim, pid in sorted(pids(service, three).items()):
        with Load(bootstrap, "t") as load:
            until("the load to begin", lambda: load.sent > 100)
            os.kill(pid, signal.SIGKILL)
            until("another process", lambda: pids(service, three)[victim] != pid)
            well(api, "three", 3)
        assert load.failed == []
    reasons = [e["reason"] for e in api.ok("GET", "/v1/events?cluster=three")["items"]]
    assert reasons.count("broker_restarted") >= 3


def test_one_broker_grows_to_three_and_three_to_four(service):
    api = service.api
    one = api.create_cluster("grows")
    create_topic(one["status"]["bootstrap_servers"], "old", partitions=2)
    p = Producer({"bootstrap.servers": one["status"]["bootstrap_servers"]})
    for i in range(100):
        p.produce("old", str(i), partition=i % 2)
    assert p.flush(30) == 0

    op = patch(api, "grows", {"brokers": 3})
    assert op["kind"] == "cluster.scale_out" and state_of(op, "add_voters") == "succeeded", json.dumps(op, indent=2)
    three = well(api, "grows", 3)
    bootstrap = three["status"]["bootstrap_servers"]
    assert len(bootstrap.split(",")) == 3
    assert [b["is_voter"] for b in brokers(api, "grows")] == [True, True, True]
    # What was there stays where it is; what is new is made for three.
    assert sorted(map(int, values(read_all(bootstrap, "old")))) == list(range(100))
    assert api.ok("GET", "/v1/clusters/grows/topics/old")["replication_factor"] == 1
    assert api.ok("POST", "/v1/clusters/grows/topics", {"name": "new"})["replication_factor"] == 3

    before = pids(service, three)
    with Load(bootstrap, "new") as load:
        op = patch(api, "grows", {"brokers": 4})
        four = well(api, "grows", 4)
    assert state_of(op, "restart_brokers") == "skipped"
    after = pids(service, four)
    assert {n: after[n] for n in before} == before, "nobody is restarted for a fourth"
    assert [b["is_voter"] for b in brokers(api, "grows")] == [True, True, True, False]
    assert load.failed == [] and values(read_all(bootstrap, "new")) == [str(i) for i in range(load.sent)]
    # The fourth takes new partitions.
    spread = api.ok("POST", "/v1/clusters/grows/topics", {"name": "spread", "partitions": 12})
    assert {n for p in spread["partition_details"] for n in p["replicas"]} == {1, 2, 3, 4}
    # The voters that were added count: the first broker is no longer needed for anything of the new topics.
    os.kill(after[1], signal.SIGKILL)
    with Load(bootstrap, "new") as load:
        until("the load to go on", lambda: load.sent > 500)
        well(api, "grows", 4)
    assert load.failed == []
    api.delete_cluster("grows")


def test_a_stop_and_a_start_find_three_brokers_as_they_were(own_service):
    s = own_service
    s.up()
    s.api.create_cluster("three", brokers=3)
    three = well(s.api, "three", 3)
    bootstrap = three["status"]["bootstrap_servers"]
    create_topic(bootstrap, "t", replicas=3)
    with Load(bootstrap, "t") as load:
        until("the load to begin", lambda: load.sent > 200)
    assert s.stop() == 0
    assert processes.of(s.dir) == {}
    for n in (1, 2, 3):
        assert os.path.exists(os.path.join(s.cluster_dir(three), f"broker-{n}", "data", ".kafka_cleanshutdown"))
    s.up()
    again = well(s.api, "three", 3, partitions=1)
    assert again["status"]["bootstrap_servers"] == bootstrap
    assert load.failed == [] and values(read_all(bootstrap, "t")) == [str(i) for i in range(load.sent)]


def test_a_rolling_restart_is_asked_for_and_the_controller_is_last(service, three):
    api, bootstrap = service.api, three["status"]["bootstrap_servers"]
    create_topic(bootstrap, "asked", replicas=3)
    well(api, "three", 3, partitions=1)
    before = pids(service, three)
    with Load(bootstrap, "asked") as load, Watch(service.cluster_dir(three)) as watch:
        until("the load to begin", lambda: load.sent > 200)
        key = {"idempotency-key": "once"}
        op = api.ok("POST", "/v1/clusters/three/restart", headers=key)
        assert op["kind"] == "cluster.restart"
        assert api.ok("POST", "/v1/clusters/three/restart", headers=key)["id"] == op["id"], "asked twice is done once"
        op = api.operation(op["id"], 180)
    after = pids(service, three)
    assert state_of(op, "restart_brokers") == "succeeded" and all(before[n] != after[n] for n in (1, 2, 3))
    assert watch.fewest == 2, "one broker is away at a time"
    assert load.failed == [] and values(read_all(bootstrap, "asked")) == [str(i) for i in range(load.sent)]
    leader = well(api, "three", 3)["status"]["controller_id"]
    told = service.run("cluster", "restart", "three", "--wait").stdout
    assert "three" in told
    again = pids(service, three)
    assert all(again[n] != after[n] for n in (1, 2, 3))
    started = {n: os.stat(f"/proc/{pid}").st_ctime for n, pid in again.items()}
    assert max(started, key=started.get) == leader, "who led the metadata quorum is restarted last"


def test_which_brokers_are_missing_and_what_their_partitions_lack_is_told(service, three):
    api, bootstrap = service.api, three["status"]["bootstrap_servers"]
    create_topic(bootstrap, "told", partitions=3, replicas=3, config={"min.insync.replicas": "3"})
    well(api, "three", 3, partitions=3)
    # Stopped, not killed: the service sees a process and leaves it alone.
    os.kill(pids(service, three)[3], signal.SIGSTOP)
    try:
        def lacking():
            status = api.ok("GET", "/v1/clusters/three")["status"]
            assert status["brokers_missing"] == [3], status
            assert status["partitions"]["under_min_isr"] >= 3, status
            health = api.ok("GET", "/v1/clusters/three/topics/told")["health"]
            assert health == {"total": 3, "under_replicated": 3, "under_min_isr": 3, "offline": 0}
            return True
        # Its session ends after 9 s. That the service still waits for the hung process must not keep it from telling.
        until("the missing broker to be told of", lacking, 30)
        assert "under min ISR 3" in service.run("topic", "list", "--cluster", "three").stdout
        described = service.run("cluster", "describe", "three").stdout
        assert "brokers missing" in described, described
    finally:
        os.kill(pids(service, three)[3], signal.SIGCONT)
    assert well(api, "three", 3)["status"]["brokers_missing"] == []
