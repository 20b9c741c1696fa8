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


def isr(cluster):
    return {p.id: set(p.isrs) for p in cluster.metadata("t").topics["t"].partitions.values()}


def leaders(cluster):
    return {p.id: p.leader for p in cluster.metadata("t").topics["t"].partitions.values()}


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
        found = isr(cluster)
        assert all(found[k] == ({2, 3} if k in inside else {1, 2, 3}) for k in range(6)), found
        return True

    produce(range(2_000))
    three.disk.fail()
    produce(range(2_000, 4_000))
    assert p.flush(60) == 0 and failed == []
    until("others to lead what was in it", lambda: all(leaders(cluster)[k] in (2, 3) for k in inside), 10)
    without_the_lost()
    assert broker.is_running
    assert three.describe(1)["b"] is None and len(three.describe(1)["a"]) == 6 - len(inside)
    assert broker.metric("kafka_server_replicamanager_offlinereplicacount") == len(inside)
    # A directory that is broken at the start is the same.
    broker.stop()
    broker.start()
    until("the other directory's replicas to be in sync", without_the_lost, 60)
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
