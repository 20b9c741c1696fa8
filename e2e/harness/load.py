"""Producers that go on until they are stopped, and what must be true of their records whatever happened meanwhile."""

import subprocess
import time

from confluent_kafka import Producer

from harness import java
from harness.background import Background


class Load(Background):
    """librdkafka's idempotent producer; every record that failed is remembered, and the longest time without an answer."""

    def __init__(self, bootstrap, topic, prefix="", partition=0, pause=0.002, **config):
        self.topic, self.prefix, self.partition, self.pause = topic, prefix, partition, pause
        self.sent, self.acked, self.failed = 0, 0, []
        self.longest_wait, self.answered = 0.0, None
        self.producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
                                  "topic.metadata.refresh.interval.ms": 5_000, **config})
        super().__init__()

    def _run(self):
        while not self.stopping.is_set():
            try:
                value = f"{self.prefix}{self.sent}"
                self.producer.produce(self.topic, value, partition=self.partition, on_delivery=self._delivered)
                self.sent += 1
            except BufferError:
                pass
            self.producer.poll(self.pause)

    def _delivered(self, error, message):
        if error:
            self.failed.append(error)
            return
        now = time.monotonic()
        if self.answered is not None:
            self.longest_wait = max(self.longest_wait, now - self.answered)
        self.answered = now
        self.acked += 1

    def __exit__(self, *problem):
        super().__exit__(*problem)
        left = self.producer.flush(60)
        assert left == 0, f"{left} of {self.sent} records were not acknowledged"


class JavaLoad:
    """Kafka's own client with its defaults (idempotent, acks=all) in a JVM of its own."""

    def __init__(self, bootstrap, topic, per_second=300, **config):
        settings = [f"{k.replace('_', '.')}={v}" for k, v in config.items()]
        self.process = java.start("e2e.Produce", bootstrap, topic, 10_000_000, "lz4", per_second, "until-eof", *settings,
                                  stdin=subprocess.PIPE)
        self.acked = 0

    def __enter__(self):
        line = self.process.stdout.readline().strip()
        assert line == "started", f"{line}\n{self.process.communicate(timeout=60)[1]}"
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
        out, err = self.process.communicate(timeout=150)
        if not kind:
            assert self.process.returncode == 0 and "failed 0" in out, out + err
            self.acked = int(out.split("acked ")[1].split()[0])


# With their defaults clients wait half a minute and more for a broker that is silent; then they would go on all the same.
IMPATIENT_JAVA = {"request_timeout_ms": 4_000, "socket_connection_setup_timeout_ms": 2_000}
IMPATIENT = {"socket.timeout.ms": 4_000, "socket.connection.setup.timeout.ms": 2_000}


class BothLoads:
    """A Java and a librdkafka producer write to the first partition of one topic at once."""

    def __init__(self, bootstrap, topic):
        self.java = JavaLoad(bootstrap, topic, **IMPATIENT_JAVA)
        self.librdkafka = Load(bootstrap, topic, prefix="c", **IMPATIENT)

    def __enter__(self):
        self.java.__enter__()
        self.librdkafka.__enter__()
        return self

    def __exit__(self, *problem):
        try:
            self.librdkafka.__exit__(*problem)
        finally:
            self.java.__exit__(*problem)

    def check(self, values):
        """Nothing is lost, doubled or in another order, of neither of them; `values` are the partition's."""
        assert self.librdkafka.failed == []
        for name, sent, prefix in (("librdkafka", self.librdkafka.sent, "c"), ("java", self.java.acked, "")):
            found = [v for v in values if v.startswith("c") == bool(prefix)]
            expected = [f"{prefix}{i}" for i in range(sent)]
            if found != expected:
                lost, counted = set(expected) - set(found), len(found) - len(set(found))
                first = next((i for i, (f, e) in enumerate(zip(found, expected)) if f != e), min(len(found), len(expected)))
                raise AssertionError(f"{name}: {sent} acknowledged, {len(lost)} lost, {counted} doubled; they part at {first}: "
                                     f"{found[first:first + 3]} for {expected[first:first + 3]}")
        assert self.librdkafka.sent > 100 and self.java.acked > 100, "too little was written to say anything"
