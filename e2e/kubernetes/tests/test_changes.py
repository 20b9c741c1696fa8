"""Changes of what makes brokers pods: one at a time is begun anew, and no client notices."""

import pytest

from harness.wait import until


def test_resources_are_changed(orders):
    pods = {"storage": {"size": "100Mi"}, "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "1Gi"}}}
    orders.rolled("resources", lambda: orders.patch({"kubernetes": pods}))
    for pod in orders.pods().values():
        assert pod["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "1Gi"}}


def test_listeners_come_and_go(orders):
    before = orders.bootstrap
    more = [{"name": "external", "type": "nodeport"}, {"name": "vpn", "type": "nodeport", "advertised_host": "127.0.0.1"}]
    orders.rolled("listener-more", lambda: orders.patch({"listeners": more}))
    ports = lambda: {p["name"] for s in orders.kube.list("services", orders.selector) for p in s["spec"]["ports"]}
    assert "vpn" in ports() and orders.bootstrap == before
    # Brokers tell clients the new host as soon as they are begun anew for it.
    more[1]["advertised_host"] = "127.0.0.{broker}"
    orders.rolled("listener-moves", lambda: orders.patch({"listeners": more}))
    told = orders.kube.get("configmaps", "orders")["data"]
    assert all(f"//127.0.0.{n}:" in told[f"orders-{n}.properties"] for n in (1, 2, 3)), told
    orders.rolled("listener-less", lambda: orders.patch({"listeners": more[:1]}))
    until("the listener's ports to be closed", lambda: "vpn" not in ports(), 20)
    assert orders.bootstrap == before


@pytest.mark.parametrize("body, field", [
    ({"kubernetes": {"storage": {"size": "50Mi"}}}, "kubernetes.storage.size"),
    ({"kubernetes": {"storage": {"size": "100Mi", "class": "other"}}}, "kubernetes.storage.class"),
])
def test_what_cannot_be_changed_is_refused(orders, body, field):
    answer = orders.api.call("PATCH", "/v1/clusters/orders", body)
    assert answer.status in (400, 422) and field in [e["field"] for e in answer.json["errors"]], answer.text
