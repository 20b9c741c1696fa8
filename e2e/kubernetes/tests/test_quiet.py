"""A cluster that nobody changes costs the API server nothing."""

import time

from harness import measured
from kubernetes.harness.kube import KINDS

SECONDS = 30
WRITES = ("APPLY", "PATCH", "POST", "PUT", "DELETE")
READS = ("GET", "LIST")


def asked(kube, verbs):
    """Requests so far for the kinds that clusters are made of, by (verb, kind)."""
    found = {}
    for labels, count in kube.metric("apiserver_request_total"):
        named = dict(pair.split("=", 1) for pair in labels.split("{", 1)[1].rstrip("}").replace('"', "").split(",") if "=" in pair)
        if named.get("verb") in verbs and named.get("resource") in KINDS and not named.get("subresource"):
            key = named["verb"], named["resource"]
            found[key] = found.get(key, 0) + count
    return found


def test_an_unchanged_cluster_is_not_written_to(orders):
    kube = orders.kube
    orders.well()
    # What follows from its new state is written by the next look, which may be ten seconds away.
    time.sleep(12)
    versions = lambda: {key: o["metadata"]["resourceVersion"] for key, o in kube.all_of(orders.id).items()}
    before, writes, reads = versions(), asked(kube, WRITES), asked(kube, READS)
    time.sleep(SECONDS)
    writes_after, reads_after = asked(kube, WRITES), asked(kube, READS)
    assert versions() == before
    # Writes that changed nothing. Whoever else uses this Kubernetes is counted, too.
    if {p["metadata"]["namespace"] for p in kube.call("GET", "/api/v1/pods")["items"]} == {kube.namespace}:
        assert writes_after == writes, {k: v - writes.get(k, 0) for k, v in writes_after.items() if v != writes.get(k, 0)}
    measured.note(f"reads of the API server by everybody in {SECONDS} s", int(sum(reads_after.values()) - sum(reads.values())), "requests")
