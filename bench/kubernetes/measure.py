"""What running on Kubernetes costs: from the request to the first record, an unchanged cluster, and many cluster definitions.

Runs on the Kubernetes of the end-to-end tests and writes bench/results/kubernetes.md. HEADRACE_BIN is the binary; a release build for
figures that are to be quoted."""

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "e2e"))

from confluent_kafka import Producer  # noqa: E402
from harness.service import BIN  # noqa: E402
from harness.wait import until  # noqa: E402
from kubernetes.harness import images  # noqa: E402
from kubernetes.harness.clusters import Cluster, spec  # noqa: E402
from kubernetes.harness.kube import Kube  # noqa: E402
from kubernetes.harness.release import Release  # noqa: E402

NAMESPACE = "headrace-bench"
ROUNDS = 5
DEFINITIONS = int(os.environ.get("DEFINITIONS", "1000"))
QUIET_SECONDS = 60
CHANGES = 20
# Nothing has this label: pods are made and never placed.
NOWHERE = {"node_selector": {"headrace.dev/nowhere": "true"}, "storage": {"size": "10Mi"}}


def first_record(release, name):
    """Seconds from the request to the first acknowledged record, and of each step of the operation."""
    started = time.monotonic()
    op = release.api.ok("POST", "/v1/clusters", {"name": name, **spec()})
    done = release.api.operation(op["id"])
    cluster = Cluster(release, name)
    cluster.create_topic("first")
    acked = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "log_level": 0})
    producer.produce("first", b"record", on_delivery=lambda error, _: acked.append(error))
    producer.flush(30)
    assert acked == [None], acked
    total = time.monotonic() - started
    steps = {s["title"]: seconds(s["started_at"], s["finished_at"]) for s in done["steps"] if s["started_at"] and s["finished_at"]}
    return cluster, total, steps


def seconds(begun, ended):
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def versions(cluster):
    return {key: o["metadata"]["resourceVersion"] for key, o in cluster.kube.all_of(cluster.id).items()}


def control_plane():
    """The process of the only control plane."""
    (pid,) = subprocess.run(["pgrep", "-f", "headrace control-plane"], capture_output=True, text=True, check=True).stdout.split()
    return int(pid)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def many(release, report):
    pid = control_plane()
    started, cpu = time.monotonic(), cpu_seconds(pid)
    api = release.api

    def ask(n):
        api.ok("POST", "/v1/clusters", {"name": f"many-{n}", "brokers": 1, "kubernetes": NOWHERE})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(DEFINITIONS)))
    asked = time.monotonic() - started
    sets = lambda: len(release.kube.list("statefulsets", "app.kubernetes.io/managed-by=headrace"))
    until("all StatefulSets", lambda: sets() >= DEFINITIONS, 1800, every=5)
    made = time.monotonic() - started
    report.append(f"| {DEFINITIONS:,} clusters asked for, one control plane, s | {asked:.0f} | |")
    report.append(f"| until all their objects are there, s (control plane's CPU-s) | {made:.0f} ({cpu_seconds(pid) - cpu:.0f}) | |")
    time.sleep(QUIET_SECONDS)
    started, cpu = time.monotonic(), cpu_seconds(pid)
    time.sleep(QUIET_SECONDS)
    cores = (cpu_seconds(pid) - cpu) / (time.monotonic() - started)
    report.append(f"| with them there, their pods waiting for a node: control plane's cores | {cores:.2f} | ≤ 1 |")
    report.append(f"| the same: resident MiB | {rss_mib(pid):.0f} | ≤ 300 |")
    waits = []
    for n in range(0, DEFINITIONS, max(1, DEFINITIONS // CHANGES)):
        name = f"many-{n}"
        before = release.kube.get("configmaps", name)["metadata"]["resourceVersion"]
        started = time.monotonic()
        api.ok("PATCH", f"/v1/clusters/{name}", {"config": {"log.retention.hours": "7"}})
        until("the change", lambda: release.kube.get("configmaps", name)["metadata"]["resourceVersion"] != before, 60, every=0.02)
        waits.append(time.monotonic() - started)
    report.append(f"| from a change's request until its objects are written, s: median, worst of {len(waits)} | "
                  f"{statistics.median(waits):.2f}, {max(waits):.2f} | ≤ 2 |")


def main():
    kube = Kube(NAMESPACE)
    version = subprocess.run([BIN, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    build = "release" if "/release/" in BIN else "debug"
    report = ["| figure | value | target |", "|---|---|---|"]
    try:
        Kube.up()
        kube.kubectl("create", "namespace", NAMESPACE)
        images.load_all()
        release = Release(kube).install(replicas=1)
        totals, steps = [], {}
        for n in range(ROUNDS):
            cluster, total, took = first_record(release, f"first-{n}")
            totals.append(total)
            for title, value in took.items():
                steps.setdefault(title, []).append(value)
            if n < ROUNDS - 1:
                cluster.delete()
        report.append(f"| three brokers, from the request to the first record, s: median, worst of {ROUNDS} | "
                      f"{statistics.median(totals):.1f}, {max(totals):.1f} | ≤ 30 |")
        report += [f"| … {title.lower()}, s | {statistics.median(values):.2f} | |" for title, values in steps.items()]
        time.sleep(15)
        before = versions(cluster)
        time.sleep(QUIET_SECONDS)
        after = versions(cluster)
        written = sum(before.get(key) != version for key, version in after.items())
        report.append(f"| objects of an unchanged cluster written in {QUIET_SECONDS} s, of {len(after)} | {written} | 0 |")
        cluster.delete()
        many(release, report)
    finally:
        Kube.down()
    text = "\n".join(["# On Kubernetes", "", f"{version}, {build} build, on the one-node Kubernetes of `e2e/kubernetes/cluster`, whose own parts share "
                      "the machine; images present. Steps overlap where one is done again. `make bench-kubernetes` writes this.", "", *report, ""])
    with open(os.path.join(ROOT, "bench", "results", "kubernetes.md"), "w") as f:
        f.write(text)
    print(text)


main()
