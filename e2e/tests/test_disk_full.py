"""A broker whose disk is full refuses writes, serves reads, and goes on by itself once there is room."""

import contextlib
import os
import subprocess

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from harness import measured
from harness.admin import create_topic, delete_topic
from harness.brokers import Cluster
from harness.load import BothLoads
from harness.records import read_all, values
from harness.wait import until

FULL = 1
DISK_MIB = 24
CONFIG = {"log.segment.bytes": 1 << 20, "log.segment.delete.delay.ms": 500, "log.retention.check.interval.ms": 500,
          "replica.lag.time.max.ms": 3_000, "offsets.topic.num.partitions": 3}


@contextlib.contextmanager
def small_disk(path, mib):
    os.makedirs(path)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", path], capture_output=True, text=True)
    if r.returncode:
        pytest.skip(f"a small disk cannot be made here: {r.stderr.strip()}")
    try:
        yield
    finally:
        # Lazily: a process that was just killed may not have let go yet.
        subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def cluster():
    """Three brokers; the first has a disk that is soon full."""
    three = Cluster(3, CONFIG)
    with small_disk(os.path.join(three.brokers[FULL].dir, "data"), DISK_MIB):
        try:
            yield three.start()
        finally:
            three.remove()
    # Again, now that the disk is out of the way.
    three.remove()


def free_mib(cluster):
    s = os.statvfs(os.path.join(cluster.brokers[FULL].dir, "data"))
    return s.f_bavail * s.f_frsize / (1 << 20)


def topic_led_by(cluster, node, topic):
    """A topic of one partition, with this broker as the leader of its three replicas."""
    create_topic(cluster.bootstrap, topic, on=[node, *(n for n in cluster.brokers if n != node)])
    return topic


def fill(cluster, topic):
    """Writes until the disk's own broker refuses; says with what error."""
    refused, acked = [], []
    p = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "retries": 0, "linger.ms": 0, "batch.num.messages": 1})
    while not refused and len(acked) < 64 * DISK_MIB:
        p.produce(topic, os.urandom(32 << 10), on_delivery=lambda e, m: (refused if e else acked).append(e))
        p.poll(0)
        if len(p) > 16:
            p.flush(10)
    p.flush(30)
    return refused[0].code() if refused else None


def by_deleting_a_topic(admin, topic):
    admin.delete_topics([topic])[topic].result(30)


def by_deleting_records(admin, topic):
    end = TopicPartition(topic, 0, -1)
    admin.delete_records([end])[end].result(30)


def by_retention(admin, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("retention.bytes", "1", incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([resource])[resource].result(30)


@pytest.mark.parametrize("free", [by_deleting_a_topic, by_deleting_records, by_retention])
def test_a_full_disk_refuses_writes_keeps_reads_and_heals(cluster, free):
    broker = cluster.brokers[FULL]
    process = broker.process
    led = topic_led_by(cluster, FULL, "led")
    filler = topic_led_by(cluster, FULL, "filler")
    elsewhere = topic_led_by(cluster, 2, "elsewhere")
    with BothLoads(cluster.bootstrap, led) as at_the_full_one, BothLoads(cluster.bootstrap, elsewhere) as at_another:
        until("the loads to begin", lambda: at_the_full_one.librdkafka.acked > 50 and at_another.librdkafka.acked > 50, 60)
        assert fill(cluster, filler) == KafkaError.KAFKA_STORAGE_ERROR
        until("the last page to be taken", lambda: free_mib(cluster) < 1 / 256, 30)
        # Reads go on, from the full one itself.
        acked = at_the_full_one.librdkafka.acked
        assert cluster.leader(led) == FULL
        assert len([v for v in values(read_all(broker.address, led)) if v.startswith("c")]) >= acked
        # Where another leads writes go on, without the full one if need be.
        before = at_another.librdkafka.acked
        until("writes at another broker", lambda: at_another.librdkafka.acked > before + 500, 60)
        # The cluster goes on deciding things, and the full one hears of it.
        create_topic(cluster.bootstrap, "meanwhile", replicas=2)
        until("the full broker to hear of a new topic", lambda: "meanwhile" in cluster.metadata(of=broker).topics, 15)

        free(AdminClient({"bootstrap.servers": cluster.bootstrap}), filler)
        until("room on the disk", lambda: free_mib(cluster) > DISK_MIB / 3, 60)
        before = at_the_full_one.librdkafka.acked
        until("writes at the broker that was full", lambda: at_the_full_one.librdkafka.acked > before + 200, 60)
        measured.note("longest wait for an acknowledgement from a broker with a full disk", at_the_full_one.librdkafka.longest_wait)
        cluster.until_in_sync(3)
    assert broker.process is process and broker.is_running, "nobody restarted it"
    # It says once that it cannot follow, and once that it can again, however often it tried.
    said = lambda what: sum(what in line and "elsewhere-0" in line for line in open(broker.log, errors="replace"))
    assert 1 <= said("could not be appended") <= said("are appended again") + 1
    at_the_full_one.check(values(read_all(cluster.bootstrap, led)))
    at_another.check(values(read_all(cluster.bootstrap, elsewhere)))


def test_a_broker_that_is_killed_with_a_full_disk_comes_back(cluster):
    led = topic_led_by(cluster, FULL, "led")
    filler = topic_led_by(cluster, FULL, "filler")
    broker = cluster.brokers[FULL]
    with BothLoads(cluster.bootstrap, led) as loads:
        until("the load to begin", lambda: loads.librdkafka.acked > 50, 60)
        assert fill(cluster, filler) == KafkaError.KAFKA_STORAGE_ERROR
        broker.kill()
        until("another leader", lambda: cluster.leader(led) not in (FULL, -1), 30)
        broker.start()
        until("it to be a member again", lambda: FULL in cluster.metadata(of=broker).brokers, 30)
        delete_topic(cluster.bootstrap, filler)
        cluster.until_in_sync(3)
    loads.check(values(read_all(cluster.bootstrap, led)))
