"""Reading a topic to its end with librdkafka, which shares no code with the Java client or with us."""

import uuid

from confluent_kafka import Consumer, KafkaError, TopicPartition


def read_all(bootstrap, topic, timeout=60, isolation="read_uncommitted"):
    """Every record below the high watermarks of this moment, as {partition: [message, …]} in order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"read-{uuid.uuid4()}", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "isolation.level": isolation, "check.crcs": True})
    try:
        partitions = consumer.list_topics(topic, timeout=timeout).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=timeout) for p in partitions}
        found = {p: [] for p in partitions}
        left = {p for p, (low, high) in ends.items() if high > low}
        consumer.assign([TopicPartition(topic, p, ends[p][0]) for p in left])
        while left:
            m = consumer.poll(timeout)
            assert m is not None, f"no record within {timeout} s; partitions not read to the end: {left}"
            assert m.error() is None or m.error().code() == KafkaError._PARTITION_EOF, m.error()
            if m.error():
                continue
            found[m.partition()].append(m)
            if m.offset() >= ends[m.partition()][1] - 1:
                left.discard(m.partition())
        return found
    finally:
        consumer.close()


def values(found):
    return [m.value().decode() for p in sorted(found) for m in found[p]]
