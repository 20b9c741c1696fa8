"""kill -9 of the broker in the middle: with idempotence nothing is lost, doubled or reordered."""

import time

from confluent_kafka import Consumer, Producer, TopicPartition

from harness import java
from harness.admin import create_topic
from harness.records import read_all, values
from harness.wait import until


def come_back(service, cluster, old_pid):
    until("the broker to be started again", lambda: service.broker_pid(cluster) != old_pid, 60)
    service.api.running(cluster["name"])


def test_java_producer(service):
    c = service.api.create_cluster("killed-java")
    to = c["status"]["bootstrap_servers"]
    create_topic(to, "numbers")
    producer = java.start("e2e.Produce", to, "numbers", 20_000, "lz4", 2_000)
    assert producer.stdout.readline().strip() == "started"
    for _ in range(2):
        time.sleep(2)
        come_back(service, c, service.kill_broker(c))
    out, err = producer.communicate(timeout=120)
    assert "acked 20000 failed 0" in out, out + err
    assert values(read_all(to, "numbers")) == [str(i) for i in range(20_000)]
    service.api.delete_cluster("killed-java")


def test_librdkafka_producer_and_committed_offsets(service):
    c = service.api.create_cluster("killed-rd")
    to = c["status"]["bootstrap_servers"]
    create_topic(to, "numbers")
    failed = []
    p = Producer({"bootstrap.servers": to, "enable.idempotence": True, "linger.ms": 5})
    g = Consumer({"bootstrap.servers": to, "group.id": "g", "enable.auto.commit": False})
    committed = 0
    for i in range(15_000):
        p.produce("numbers", str(i), on_delivery=lambda e, m: failed.append(e) if e else None)
        p.poll(0)
        if i % 10 == 0:
            time.sleep(0.005)
        if i % 5_000 == 2_500:
            assert p.flush(60) == 0
            g.commit(offsets=[TopicPartition("numbers", 0, i)], asynchronous=False)
            committed = i
            come_back(service, c, service.kill_broker(c))
    assert p.flush(60) == 0 and failed == []
    assert values(read_all(to, "numbers")) == [str(i) for i in range(15_000)]
    assert g.committed([TopicPartition("numbers", 0)], timeout=30)[0].offset == committed
    g.close()
    service.api.delete_cluster("killed-rd")
