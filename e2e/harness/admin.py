"""Topics through librdkafka's admin client."""

from confluent_kafka.admin import AdminClient, NewTopic


def create_topic(bootstrap, topic, partitions=1, config=None, replicas=1):
    admin = AdminClient({"bootstrap.servers": bootstrap})  # must outlive the call
    admin.create_topics([NewTopic(topic, partitions, replicas, config=config or {})])[topic].result(30)


def delete_topic(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([topic])[topic].result(30)
