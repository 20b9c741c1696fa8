"""What the agents report, and what the API says when they don't."""

import os
import signal

from confluent_kafka import Producer

from harness import processes
from harness.wait import until


def test_a_broker_is_healthy_with_figures_and_unknown_when_its_agent_is_silent(service):
    api = service.api
    c = api.create_cluster("watched")
    broker = lambda: api.ok("GET", "/v1/clusters/watched/brokers")["items"][0]
    until("a healthy report", lambda: broker()["state"] == "healthy", 30)
    p = Producer({"bootstrap.servers": c["status"]["bootstrap_servers"]})
    for i in range(2000):
        p.produce("load", b"x" * 1000)
    assert p.flush(30) == 0
    seen = until("load in the report", lambda: (b := broker()) and (b["partitions"] or 0) >= 1 and b, 30)
    assert seen["memory_rss_bytes"] > 1 << 20 and seen["disk"][0]["total_bytes"] > 0 and seen["report_age_ms"] < 20_000
    until("bytes in on the chart", lambda: any(v > 0 for s in api.ok("GET", "/v1/clusters/watched/metrics?metric=bytes_in&window_seconds=300")["series"]
                                               for _, v in s["points"] if v is not None), 30)
    agents = [pid for pid, line in processes.of(service.cluster_dir(c)).items() if " agent " in line]
    assert len(agents) == 1
    os.kill(agents[0], signal.SIGSTOP)
    try:
        until("unknown, not healthy", lambda: broker()["state"] == "unknown", 60)
        p.produce("load", b"still served")
        assert p.flush(30) == 0, "a silent agent never stops a broker"
    finally:
        os.kill(agents[0], signal.SIGCONT)
    until("healthy again", lambda: broker()["state"] == "healthy", 60)
    api.delete_cluster("watched")
