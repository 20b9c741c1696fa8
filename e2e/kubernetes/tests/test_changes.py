"""Changes that restart brokers: one at a time, and no client notices."""

import pytest

from harness import measured
from harness.wait import until
from kubernetes.harness.watches import Readiness


def state_of(operation, step):
    return next(s["state"] for s in operation["steps"] if s["name"] == step)


def rolled(orders, topic, ask, timeout=240):
    """All pods are replaced one after the other while a producer runs."""
    orders.well()
    before = orders.uids()
    with orders.loaded(topic) as load, Readiness(orders) as readiness:
        op = orders.api.operation(ask(), timeout)
        load.goes_on()
    orders.well()
    after = orders.uids()
    assert state_of(op, "restart_brokers") == "succeeded" and all(before[n] != after[n] for n in before), (before, after)
    assert readiness.fewest == len(before) - 1, "one broker is away at a time, and each was"
    load.check()
    measured.note(f"{topic}: longest time without an answer", load.longest_wait)
    return op


def test_a_changed_configuration_is_rolled_out(orders):
    rolled(orders, "config-roll", lambda: orders.patch({"config": {"log.retention.hours": "42", "num.partitions": "6"}}))
    for node in orders.uids():
        assert orders.config_of(node, "log.retention.hours") == "42"
        assert orders.config_of(node, "num.partitions") == "6"


def test_resources_are_changed(orders):
    pods = {"storage": {"size": "100Mi"}, "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "1Gi"}}}
    rolled(orders, "resources", lambda: orders.patch({"kubernetes": pods}))
    for pod in orders.pods().values():
        assert pod["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "1Gi"}}


def test_a_restart_is_asked_for(orders):
    rolled(orders, "restart", lambda: orders.api.ok("POST", "/v1/clusters/orders/restart")["id"])


def test_listeners_come_and_go(orders):
    before = orders.outside
    more = [{"name": "external", "type": "nodeport"}, {"name": "vpn", "type": "nodeport", "advertised_host": "127.0.0.1"}]
    rolled(orders, "listener-more", lambda: orders.patch({"listeners": more}))
    ports = lambda: {p["name"] for s in orders.kube.list("services", orders.selector) for p in s["spec"]["ports"]}
    assert "vpn" in ports() and orders.outside == before
    rolled(orders, "listener-less", lambda: orders.patch({"listeners": more[:1]}))
    until("the listener's ports to be closed", lambda: "vpn" not in ports(), 20)
    assert orders.outside == before


@pytest.mark.parametrize("body, field", [
    ({"kubernetes": {"storage": {"size": "50Mi"}}}, "kubernetes.storage.size"),
    ({"kubernetes": {"storage": {"size": "100Mi", "class": "other"}}}, "kubernetes.storage.class"),
])
def test_what_cannot_be_changed_is_refused(orders, body, field):
    answer = orders.api.call("PATCH", "/v1/clusters/orders", body)
    assert answer.status in (400, 422) and field in [e["field"] for e in answer.json["errors"]], answer.text
