"""Three brokers become five, and volumes are asked to grow."""

import time

from harness.wait import until
from harness.cluster import Written


def test_three_become_five_and_nobody_is_restarted(orders):
    orders.well()
    before = orders.uids()
    with orders.loaded("grows") as load:
        op = orders.api.operation(orders.patch({"brokers": 5}), 180)
        load.goes_on()
    assert op["kind"] == "cluster.scale_out"
    orders.well(5)
    after = orders.uids()
    assert {n: after[n] for n in before} == before and sorted(after) == [1, 2, 3, 4, 5]
    load.check()
    assert len(orders.bootstrap.split(",")) == 5
    spread = orders.api.ok("POST", "/v1/clusters/orders/topics", {"name": "spread", "partitions": 15})
    assert {n for p in spread["partition_details"] for n in p["replicas"]} == {1, 2, 3, 4, 5}


def test_a_broker_without_a_vote_that_loses_its_volume_fetches_all_again(orders):
    orders.well(5)
    (node, *_) = [b["id"] for b in orders.brokers() if not b["is_voter"]]
    others = {n for n in orders.uids() if n != node}
    orders.api.ok("POST", "/v1/clusters/orders/topics", {"name": "on-five", "partitions": 1, "replication_factor": 5})
    with Written(orders, "on-five") as load:
        orders.lose_volume(node)
        orders.well(5, timeout=120)
        load.goes_on()
    load.check()
    assert {orders.log_bytes(n, "on-five") for n in {node, *others}} == {orders.log_bytes(1, "on-five")} != {0}


def ask_for(orders, size):
    pods = orders.state()["kubernetes"]
    op = orders.patch({"kubernetes": {**pods, "storage": {**pods["storage"], "size": size}}})
    return until("the operation to end", lambda: (o := orders.api.ok("GET", f"/v1/operations/{op}"))["state"] in ("failed", "succeeded") and o, 120)


def test_a_volume_that_cannot_grow_says_so(orders):
    """This Kubernetes' class of volumes does not allow it."""
    before = orders.uids()
    ended = ask_for(orders, "200Mi")
    assert ended["state"] == "failed" and "resize" in str(ended["error"]), ended
    # Nobody is restarted for nothing, and the cluster serves.
    assert orders.metadata().brokers and orders.uids() == before


def test_volumes_are_asked_to_grow_once_their_class_allows_it(orders):
    """Nothing here makes them larger; what is asked of whoever does is all there, and for new brokers too."""
    kube, before = orders.kube, orders.uids()
    change = lambda allowed: kube.kubectl("patch", "storageclass", "local-volumes", "--patch", f'{{"allowVolumeExpansion": {allowed}}}')
    change("true")
    time.sleep(1)  # Who checks claims has the classes in a cache
    try:
        assert ask_for(orders, "200Mi")["state"] == "succeeded"
    finally:
        change("false")
    size = lambda claim: claim["spec"]["resources"]["requests"]["storage"]
    assert [size(c) for c in kube.list("persistentvolumeclaims", orders.selector)] == ["200Mi"] * 5
    assert [size(t) for t in kube.get("statefulsets", "orders")["spec"]["volumeClaimTemplates"]] == ["200Mi"]
    orders.well(5)
    assert orders.uids() == before
