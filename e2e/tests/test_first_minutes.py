"""What a newcomer does: start, paste the three lines, stop, start again; then the same with curl alone."""

import os
import re
import signal
import stat
import subprocess

from confluent_kafka import Producer

from harness import processes
from harness.records import read_all, values


def pasted_lines(ready):
    """The lines of the Ready block that are meant to be pasted."""
    return [l.strip() for l in ready.splitlines() if re.search(r"headrace.* (produce|consume|cluster create)\b", l)]


def test_up_shows_three_lines_that_work_as_pasted_and_a_second_start_finds_everything(own_service):
    s = own_service
    ready = s.up(demo=True)
    assert s.base in ready
    key_file = os.path.join(s.data, "admin-key")
    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
    demo = s.api.running("demo")
    assert demo["status"]["bootstrap_servers"] in ready

    for line in pasted_lines(ready):
        r = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, env=s.env())
        assert r.returncode == 0, f"{line}\n{r.stdout}{r.stderr}"
    names = [c["name"] for c in s.api.ok("GET", "/v1/clusters")["items"]]
    assert len(names) == 2, names

    assert s.stop() == 0
    assert processes.of(s.dir) == {}
    s.up()
    assert sorted(c["name"] for c in s.api.ok("GET", "/v1/clusters")["items"]) == sorted(names)
    again = s.api.running("demo")
    assert again["id"] == demo["id"] and again["status"]["bootstrap_servers"] == demo["status"]["bootstrap_servers"]
    assert s.key not in "".join(s.output), "the key is shown once"


def test_detach_returns_when_ready_and_down_stops_it(own_service):
    s = own_service
    r = s.run("up", "--detach", "--no-demo", *s.flags, timeout=120)
    assert s.base in r.stdout
    assert s.api.get("/readyz").status == 200
    second = s.run("up", "--no-demo", *s.flags, check=False)
    assert second.returncode != 0 and s.data in second.stderr + second.stdout, second.stderr
    s.run("down", "--data-dir", s.data)
    assert processes.of(s.dir) == {}
    s.run("down", "--data-dir", s.data)


def test_curl_alone_makes_uses_and_removes_a_cluster(service):
    api = service.api
    a = api.post("/v1/clusters", {"name": "orders", "brokers": 1, "deletion_protection": True})
    assert a.status == 202 and a.headers["location"] == f"/v1/operations/{a.json['id']}"
    op = api.operation(a.json["id"])
    assert op["kind"] == "cluster.create" and op["progress"] == 100
    assert op["steps"] and all(s["state"] == "skipped" or (s["state"] == "succeeded" and s["finished_at"]) for s in op["steps"])
    c = api.ok("GET", "/v1/clusters/orders")
    assert c["status"]["state"] == "running"
    bootstrap = c["status"]["bootstrap_servers"]

    p = Producer({"bootstrap.servers": bootstrap})
    for i in range(100):
        p.produce("first", str(i))
    assert p.flush(30) == 0
    assert values(read_all(bootstrap, "first")) == [str(i) for i in range(100)]

    refused = api.call("DELETE", "/v1/clusters/orders")
    assert refused.status == 409 and refused.json["code"] == "deletion_protected"
    api.operation(api.ok("PATCH", "/v1/clusters/orders", {"deletion_protection": False})["id"])
    folder = service.cluster_dir(c)
    assert len(processes.of(folder)) == 2, "a broker and an agent"
    api.delete_cluster("orders")
    assert processes.of(folder) == {} and not os.path.exists(folder)
    assert api.get("/v1/clusters/orders").status == 404


def test_terminate_stops_as_cleanly_as_ctrl_c(own_service):
    s = own_service
    s.up()
    c = s.api.create_cluster("a")
    assert s.stop(signal.SIGTERM) == 0
    assert processes.of(s.dir) == {}
    # A clean stop needs no recovery: the marker lies in the log directory until the next start.
    marker = os.path.join(s.cluster_dir(c), "broker-1", "data", ".kafka_cleanshutdown")
    assert os.path.exists(marker)
