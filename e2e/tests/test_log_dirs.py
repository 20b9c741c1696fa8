"""Brokers with several log directories: one that fails takes only its own replicas offline, and nothing acknowledged is lost."""

import json
import os
import shutil
import time

import pytest
from confluent_kafka import Producer

from harness import java
from harness.admin import create_topic
from harness.brokers import Cluster
from harness.disks import Disk
from harness.records import read_all
from harness.service import temp_dir
from harness.wait import until

LOG_DIRS = "org.apache.kafka.tools.LogDirsCommand"


class Dirs:
    """Brokers with the log directories a and b each; b of broker 1 is on a disk of its own. The metadata lies elsewhere. Other
    directories of broker 1 can be named, all on that disk."""

    def __init__(self, count=3, on_disk=None, **config):
        self.root = temp_dir()
        self.disk = Disk(self.dir(1, "b"))

        def log_dirs(node):
            if node == 1 and on_disk:
                return ",".join(f"{self.disk.path}/{name}" for name in on_disk)
            return f"{self.dir(node, 'a')},{self.dir(node, 'b')}/data"
        self.cluster = Cluster(count, lambda node: {"log.dirs": log_dirs(node), "metadata.log.dir": self.dir(node, "metadata"), **config})

    def dir(self, node, name):
        return os.path.join(self.root, f"{name}-{node}")

    def describe(self, node):
        """{the directory's name: None if it has failed, or {partition: what is said of it}}"""
        out = java.run(LOG_DIRS, "--bootstrap-server", self.cluster.bootstrap, "--describe", "--broker-list", node).stdout
        dirs = json.loads(out.strip().splitlines()[-1])["brokers"][0]["logDirs"]
        return {os.path.relpath(d["logDir"], self.root)[0]: None if d["error"] else {p["partition"]: p for p in d["partitions"]}
                for d in dirs}

    def remove(self):
        self.cluster.remove()
        self.disk.remove()
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture
def three():
    dirs = Dirs()
    try:
        dirs.cluster.start()
        yield dirs
    finally:
        dirs.remove()


def isr(cluster, of=None):
    return {p.id: set(p.isrs) for p in cluster.metadata("t", of=of).topics["t"].partitions.values()}


def leaders(cluster, of=None):
    return {p.id: p.leader for p in cluster.metadata("t", of=of).topics["t"].partitions.values()}


def test_a_failed_directory_hands_over_its_leaders_and_comes_back(three):
    cluster, broker = three.cluster, three.cluster.brokers[1]
    create_topic(cluster.bootstrap, "t", partitions=6, replicas=3)
    cluster.until_in_sync(3)
    inside = {int(name.rsplit("-", 1)[1]) for name in three.describe(1)["b"]}
    assert 0 < len(inside) < 6
    assert any(leaders(cluster)[p] == 1 for p in inside), "nothing to hand over"
    p = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True, "linger.ms": 5})
    failed = []

    def produce(numbers):
        for i in numbers:
            p.produce("t", str(i), partition=i % 6, on_delivery=lambda e, m: failed.append(e) if e else None)
            p.poll(0)
            time.sleep(0.001)

    def without_the_lost():
        """Asked of each broker for itself: they hear of a change one after the other."""
        for each in cluster.brokers.values():
            found, led = isr(cluster, of=each), leaders(cluster, of=each)
            assert all(found[k] == ({2, 3} if k in inside else {1, 2, 3}) for k in range(6)), (each.node, found)
            assert all(led[k] in (2, 3) for k in inside), (each.node, led)
        return True

    produce(range(2_000))
    three.disk.fail()
    produce(range(2_000, 4_000))
    assert p.flush(60) == 0 and failed == []
    until("others to lead what was in it, and the rest to be in sync", without_the_lost, 30)
    assert broker.is_running
    assert three.describe(1)["b"] is None and len(three.describe(1)["a"]) == 6 - len(inside)
    assert broker.metric("kafka_server_replicamanager_offlinereplicacount") == len(inside)
    # A directory that is broken at the start is the same.
    broker.stop()
    broker.start()
    until("the other directory's replicas to be in sync again", without_the_lost, 60)
    produce(range(4_000, 5_000))
    assert p.flush(60) == 0 and failed == []
    broker.stop()
    three.disk.heal()
    broker.start()
    cluster.until_in_sync(3)
    found = read_all(cluster.bootstrap, "t")
    assert {k: [int(m.value()) for m in v] for k, v in found.items()} == {k: list(range(k, 5_000, 6)) for k in range(6)}


def test_a_broker_without_a_working_directory_ends():
    dirs = Dirs(on_disk=["data", "more"])
    try:
        broker = dirs.cluster.brokers[1]
        dirs.cluster.start()
        create_topic(dirs.cluster.bootstrap, "t", partitions=2, replicas=3)
        dirs.disk.fail()
        p = Producer({"bootstrap.servers": dirs.cluster.bootstrap, "enable.idempotence": True})
        for i in range(100):
            p.produce("t", str(i), partition=i % 2)
        assert p.flush(60) == 0
        until("the broker to end", lambda: not broker.is_running, 30)
        assert broker.process.returncode not in (0, -9) and "every log directory has failed" in broker.tail(), broker.tail()
        broker.process = None
        found = read_all(dirs.cluster.bootstrap, "t")
        assert sorted(int(m.value()) for v in found.values() for m in v) == list(range(100))
    finally:
        dirs.remove()


def test_a_full_disk_refuses_writes_serves_reads_and_heals():
    dirs = Dirs(1, on_disk=["data"], **{"min.insync.replicas": 1, "log.segment.bytes": 1 << 20})
    try:
        broker = dirs.cluster.brokers[1]
        dirs.cluster.start()
        create_topic(dirs.cluster.bootstrap, "t")
        filler = os.path.join(dirs.disk.path, "filler")
        with open(filler, "wb") as f:
            try:
                for _ in range(64):
                    f.write(bytes(1 << 20))
                    f.flush()
            except OSError:
                pass
        p = Producer({"bootstrap.servers": dirs.cluster.bootstrap, "message.timeout.ms": 3_000, "linger.ms": 0})
        results = []
        for i in range(30):
            p.produce("t", bytes(100_000), on_delivery=lambda e, m: results.append(e is None))
            p.flush(30)
            if not results[-1]:
                break
        assert not results[-1], "the disk never ran full"
        written = sum(results)
        assert len(read_all(dirs.cluster.bootstrap, "t").get(0, [])) == written
        assert broker.is_running and dirs.describe(1)["b"] is not None
        os.remove(filler)
        p.produce("t", bytes(100_000), on_delivery=lambda e, m: results.append(e is None))
        assert p.flush(30) == 0 and results[-1]
        assert len(read_all(dirs.cluster.bootstrap, "t")[0]) == written + 1
    finally:
        dirs.remove()


REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
ELECT = "org.apache.kafka.tools.LeaderElectionCommand"
RECORD = bytes(50_000)
COUNT = 160  # 8 MB


def fill(cluster, count=COUNT):
    p = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True, "linger.ms": 5})
    for i in range(count):
        p.produce("t", RECORD, key=str(i), partition=0)
    assert p.flush(60) == 0
    return p


def plan(tmp_path, replicas, log_dirs=None):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "t", "partition": 0, "replicas": replicas, **({"log_dirs": log_dirs} if log_dirs else {})}]}))
    return path


def keys(cluster):
    return [int(m.key()) for m in read_all(cluster.bootstrap, "t")[0]]


def test_a_replica_moves_to_another_directory_over_a_restart_in_the_middle(three, tmp_path):
    cluster = three.cluster
    create_topic(cluster.bootstrap, "t", replicas=3)
    p = fill(cluster)
    broker = cluster.brokers[1]
    here = "a" if 0 in {int(name.rsplit("-", 1)[1]) for name in three.describe(1)["a"]} else "b"
    there = "b" if here == "a" else "a"
    target = f"{three.dir(1, 'b')}/data" if there == "b" else three.dir(1, "a")
    java.run(java.CONFIGS, "--bootstrap-server", cluster.bootstrap, "--alter", "--entity-type", "brokers", "--entity-name", 1,
             "--add-config", "replica.alter.log.dirs.io.max.bytes.per.second=500000")
    moves = plan(tmp_path, [1, 2, 3], [target, "any", "any"])
    java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", moves, "--execute")
    future = until("the copy to begin", lambda: three.describe(1)[there].get("t-0"), 20)
    assert future["isFuture"] and future["offsetLag"] > 0, future
    assert not three.describe(1)[here]["t-0"]["isFuture"]
    broker.kill()
    broker.start()
    cluster.until_in_sync(3)
    for i in range(COUNT, COUNT + 20):
        p.produce("t", RECORD, key=str(i), partition=0)
    assert p.flush(60) == 0
    # The rate is the broker's, and outlives its restart; without it the move is over soon.
    java.run(java.CONFIGS, "--bootstrap-server", cluster.bootstrap, "--alter", "--entity-type", "brokers", "--entity-name", 1,
             "--delete-config", "replica.alter.log.dirs.io.max.bytes.per.second")
    until("the copy to take over", lambda: "t-0" not in three.describe(1)[here] and not three.describe(1)[there]["t-0"]["isFuture"], 30)
    verified = java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", moves, "--verify")
    assert "completed successfully" in verified.stdout, verified.stdout
    java.run(ELECT, "--bootstrap-server", cluster.bootstrap, "--election-type", "preferred", "--all-topic-partitions")
    until("it to lead", lambda: cluster.leader("t") == 1, 10)
    assert keys(cluster) == list(range(COUNT + 20))
    broker.stop()
    broker.start()
    cluster.until_in_sync(3)
    assert three.describe(1)[there]["t-0"]["size"] == three.describe(2)["a"].get("t-0", three.describe(2)["b"].get("t-0"))["size"]


def test_a_move_to_a_directory_that_is_not_there_is_refused(three, tmp_path):
    cluster = three.cluster
    create_topic(cluster.bootstrap, "t", replicas=3)
    moves = plan(tmp_path, [1, 2, 3], ["/nowhere/at/all", "any", "any"])
    refused = java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", moves, "--execute", check=False)
    assert "LogDirNotFound" in refused.stdout + refused.stderr, refused.stdout + refused.stderr


def test_a_throttled_move_takes_as_long_as_its_rate_says(tmp_path):
    cluster = Cluster(3)
    try:
        cluster.start()
        create_topic(cluster.bootstrap, "t", replicas=2)
        fill(cluster)
        before = cluster.metadata("t").topics["t"].partitions[0].replicas
        new = ({1, 2, 3} - set(before)).pop()
        moves = plan(tmp_path, [before[0], new])
        java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", moves, "--throttle", 1_000_000, "--execute")
        began = time.monotonic()
        # Who is in sync is not throttled: clients notice nothing.
        p = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all"})
        p.produce("t", b"x", key=str(COUNT))
        assert p.flush(10) == 0 and time.monotonic() - began < 3
        until("the move to be complete", lambda: cluster.metadata("t").topics["t"].partitions[0].replicas == [before[0], new], 60)
        took = time.monotonic() - began
        assert 4 < took < 25, took
        java.run(REASSIGN, "--bootstrap-server", cluster.bootstrap, "--reassignment-json-file", moves, "--verify")
        assert keys(cluster) == list(range(COUNT + 1))
    finally:
        cluster.remove()
