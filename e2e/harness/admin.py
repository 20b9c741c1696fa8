"""Topics through librdkafka's admin client."""

from confluent_kafka.admin import AdminClient, NewTopic


def create_topic(bootstrap, topic, partitions=1, config=None, replicas=1, on=None):
    """One of one partition can be put on brokers by their ids, the leader's first."""
    admin = AdminClient({"bootstrap.servers": bootstrap})  # must outlive the call
    if on is None:
        new = NewTopic(topic, partitions, replicas, config=config or {})
    else:
        new = NewTopic(topic, 1, replica_assignment=[list(on)], config=config or {})
    admin.create_topics([new])[topic].result(30)


def delete_topic(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([topic])[topic].result(30)
