"""A Kafka cluster that a control plane made, and what is true of it wherever its brokers run."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from harness import measured
from harness.admin import create_topic
from harness.load import Load
from harness.records import read_all, values
from harness.wait import until

WELL = {"under_replicated": 0, "under_min_isr": 0, "offline": 0}


def state_of(operation, step):
    return next(s["state"] for s in operation["steps"] if s["name"] == step)


class Cluster:
    """What is asked of the API and of the brokers. Where they run, and as what, is the provider's: `api`, `bootstrap`, `instances`,
    `started`, `disk`, `kill`, `watching` and `left`."""

    def __init__(self, name):
        self.name = name
        self.id = self.state()["id"]

    def state(self):
        return self.api.ok("GET", f"/v1/clusters/{self.name}")

    def brokers(self):
        return self.api.ok("GET", f"/v1/clusters/{self.name}/brokers")["items"]

    def condition(self, kind):
        return next((c for c in self.state()["status"]["conditions"] if c["type"] == kind), None)

    def troubles(self):
        return {b["id"]: b["trouble"] for b in self.brokers() if b["trouble"]}

    @property
    def count(self):
        return self.state()["brokers"]

    def patch(self, body):
        return self.api.ok("PATCH", f"/v1/clusters/{self.name}", body)["id"]

    def delete(self):
        self.api.delete_cluster(self.name)

    def create_topic(self, topic, **kw):
        create_topic(self.bootstrap, topic, **{"replicas": 3, **kw})

    def metadata(self, address=None):
        try:
            return AdminClient({"bootstrap.servers": address or self.bootstrap, "log_level": 0}).list_topics(timeout=5)
        except KafkaException as e:
            raise AssertionError(f"{address}: {e}")

    def config_of(self, node, key):
        """As the broker itself says."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        resource = ConfigResource(ConfigResource.Type.BROKER, str(node))
        return admin.describe_configs([resource])[resource].result(10)[key].value

    def look(self, count):
        """Raises what is not well."""
        status = self.state()["status"]
        assert status["state"] == "running" and status["brokers_ready"] == count, status
        assert status["partitions"] and WELL.items() <= status["partitions"].items(), status
        found = self.brokers()
        assert [b["membership"] for b in found] == ["running"] * count, found
        for address in self.bootstrap.split(","):
            seen = self.metadata(address)
            late = [(t.topic, p.id, p.isrs) for t in seen.topics.values() for p in t.partitions.values()
                    if p.leader < 0 or len(p.isrs) < len(p.replicas)]
            assert len(seen.brokers) == count and not late, f"{address} sees {sorted(seen.brokers)}, late {late[:5]}"

    def well(self, count=None, timeout=60):
        """Once all brokers serve, and every one of them sees all replicas in sync."""
        count = count or self.count

        def is_well():
            self.look(count)
            return self
        return until(f"cluster {self.name} of {count} to be well", is_well, timeout, every=0.3)

    def loaded(self, topic, **config):
        """A producer to a topic of its own."""
        self.create_topic(topic)
        return Written(self, topic, **config)

    def rolled(self, topic, ask, timeout=240):
        """All brokers are begun anew, one after the other and the controller last, while a producer runs."""
        self.well()
        before, controller = self.instances(), self.state()["status"]["controller_id"]
        with self.loaded(topic) as load, self.watching() as watch:
            op = self.api.operation(ask(), timeout)
            load.goes_on()
        self.well()
        after, started = self.instances(), self.started()
        assert state_of(op, "restart_brokers") == "succeeded" and all(before[n] != after[n] for n in before), (before, after)
        assert watch.fewest == len(before) - 1, f"one broker is away at a time, and each was; once there were {watch.fewest}"
        assert max(started, key=started.get) == controller, f"{controller} led the metadata quorum; started: {started}"
        load.check()
        measured.note(f"{topic}: longest time without an answer", load.longest_wait)
        return op


class Written(Load):
    """A producer that runs while something happens; afterwards all that was acknowledged must be there, in order, none twice."""

    def __init__(self, cluster, topic, **config):
        self.cluster, self.told = cluster, []
        tell = lambda error: self.told.append(f"{time.strftime('%X')} {error}")
        super().__init__(cluster.bootstrap, topic, log_level=0, error_cb=tell, **config)

    def __enter__(self):
        super().__enter__()
        self.goes_on()
        return self

    def goes_on(self, records=200, timeout=60):
        def more(acked=self.acked):
            assert self.acked >= acked + records, f"{self.sent} sent, {self.acked} acked, {self.failed[:3]}, told: {self.told[-8:]}"
            return True
        until("the load to go on", more, timeout)

    def check(self):
        assert self.failed == [], self.failed[:5]
        found = values(read_all(self.cluster.bootstrap, self.topic))
        assert found == [str(i) for i in range(self.sent)], f"{self.sent} sent, {len(found)} found, {len(set(found))} of them different"
