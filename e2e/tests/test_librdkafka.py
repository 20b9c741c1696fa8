"""librdkafka, which speaks old, non-flexible versions of the protocol."""

import threading
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from harness.admin import create_topic, delete_topic
from harness.records import read_all, values
from harness.wait import until


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("idempotent", [True, False])
def test_every_compression(bootstrap, codec, idempotent):
    topic = f"rd-{codec}-{idempotent}"
    create_topic(bootstrap, topic, 1)
    p = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": idempotent, "linger.ms": 20})
    for i in range(2000):
        p.produce(topic, f"value {i}", key=f"k{i}", headers=[("a", b"1"), ("a", b"2")], partition=0)
    assert p.flush(30) == 0
    found = read_all(bootstrap, topic)[0]
    assert [m.value().decode() for m in found] == [f"value {i}" for i in range(2000)]
    assert found[7].headers() == [("a", b"1"), ("a", b"2")], "duplicate header keys, in order"


def test_a_group_of_three_rebalances_and_commits_survive(bootstrap):
    create_topic(bootstrap, "rd-group", 6)
    p = Producer({"bootstrap.servers": bootstrap})
    for i in range(3000):
        p.produce("rd-group", str(i), partition=i % 6)
    assert p.flush(30) == 0

    seen, held, lock, stop = [], {}, threading.Lock(), [threading.Event() for _ in range(3)]

    def member(n):
        c = Consumer({"bootstrap.servers": bootstrap, "group.id": "rd", "auto.offset.reset": "earliest", "enable.auto.commit": False,
                      "session.timeout.ms": 10000, "heartbeat.interval.ms": 500})
        c.subscribe(["rd-group"])
        while not stop[n].is_set():
            m = c.poll(0.1)
            if m is not None and m.error() is None:
                c.commit(m, asynchronous=False)
                with lock:
                    seen.append((m.partition(), m.offset()))
            with lock:
                held[n] = len(c.assignment())
        c.close()
        with lock:
            held[n] = 0

    threads = [threading.Thread(target=member, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    try:
        until("two partitions each", lambda: sorted(held.values()) == [2, 2, 2], 60)
        stop[0].set()
        until("three partitions each", lambda: sorted(held.values()) == [0, 3, 3], 60)
        until("all records", lambda: len(set(seen)) == 3000, 90)
    finally:
        for s in stop:
            s.set()
        for t in threads:
            t.join()
    assert len(seen) == 3000, "none read twice: each was committed before the next poll"
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": "rd"})
    committed = c.committed([TopicPartition("rd-group", p) for p in range(6)], timeout=30)
    c.close()
    assert [t.offset for t in committed] == [500] * 6


def test_offsets_by_time_and_ends(bootstrap):
    create_topic(bootstrap, "rd-times", 1)
    p = Producer({"bootstrap.servers": bootstrap})
    start = int(time.time() * 1000) - 100_000
    for i in range(100):
        p.produce("rd-times", str(i), partition=0, timestamp=start + i * 1000)
    assert p.flush(30) == 0
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": "t"})
    assert c.get_watermark_offsets(TopicPartition("rd-times", 0), timeout=20) == (0, 100)
    assert c.offsets_for_times([TopicPartition("rd-times", 0, start + 41_500)], timeout=20)[0].offset == 42
    assert c.offsets_for_times([TopicPartition("rd-times", 0, start + 10 ** 9)], timeout=20)[0].offset in (-1, 100)
    c.close()


def test_a_record_that_is_too_large_is_refused_and_the_topic_goes_on(bootstrap):
    create_topic(bootstrap, "rd-small", config={"max.message.bytes": "1000"})
    errors = []
    p = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": False})
    p.produce("rd-small", b"x" * 5000, on_delivery=lambda e, m: errors.append(e))
    p.flush(30)
    assert errors[0] is not None and errors[0].name() == "MSG_SIZE_TOO_LARGE"
    p.produce("rd-small", b"fits")
    assert p.flush(30) == 0
    assert values(read_all(bootstrap, "rd-small")) == ["fits"]


def test_deleted_and_created_again_is_another_topic(bootstrap):
    for content in ("old", "new"):
        create_topic(bootstrap, "rd-again", 1)
        p = Producer({"bootstrap.servers": bootstrap})
        p.produce("rd-again", content)
        assert p.flush(30) == 0
        assert values(read_all(bootstrap, "rd-again")) == [content]
        delete_topic(bootstrap, "rd-again")
    with pytest.raises(KafkaException):
        delete_topic(bootstrap, "rd-again")
