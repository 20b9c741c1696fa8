"""What keeps brokers from serving is told in the words of who knows: the scheduler, the kubelet, the API server."""

import pytest
from confluent_kafka import Producer

from harness.api import Api
from harness.wait import until
from kubernetes.harness.clusters import Cluster, spec


def troubled(cluster, node, reason):
    """What is told of a broker once it is told for this reason, on the broker and on the cluster."""
    def told():
        trouble = cluster.troubles().get(node)
        ready = cluster.condition("Ready")
        assert trouble and trouble["reason"] == reason, (trouble, ready)
        assert ready and ready["status"] is False and trouble["message"][:60] in ready["message"], (trouble, ready)
        return trouble["message"]
    return until(f"{reason} of broker {node}", told, 60, every=0.5)


@pytest.mark.parametrize("pods, reason, says", [
    ({"resources": {"requests": {"memory": "1Ti"}}}, "Unschedulable", "Insufficient memory"),
    ({"node_selector": {"disk": "none-such"}}, "Unschedulable", "node affinity/selector"),
    ({"storage": {"size": "100Mi", "class": "none-such"}}, "VolumePending", "PersistentVolumeClaim"),
], ids=["memory", "node_selector", "class"])
def test_a_cluster_whose_pods_find_no_place_says_why_and_can_be_deleted(release, pods, reason, says):
    name = "stuck"
    wanted = {"storage": {"size": "100Mi"}, **pods}
    op = release.api.ok("POST", "/v1/clusters", {"name": name, **spec(kubernetes=wanted)})
    cluster = Cluster(release, name)
    try:
        for node in (1, 2, 3):
            assert says in troubled(cluster, node, reason)
        told(release, op, says)
    finally:
        cluster.delete()
    assert release.kube.all_of(cluster.id) == {}


def test_a_pod_that_finds_a_place_after_all_is_taken_up(release):
    op = release.api.ok("POST", "/v1/clusters", {"name": "late", **spec(brokers=1, kubernetes={
        "storage": {"size": "100Mi"}, "node_selector": {"disk": "none-such"}})})
    cluster = Cluster(release, "late")
    try:
        troubled(cluster, 1, "Unschedulable")
        change = release.api.call("PATCH", "/v1/clusters/late", {"kubernetes": {"storage": {"size": "100Mi"}}})
        assert change.status < 300, change.text
        release.api.operation(change.json["id"])
        cluster.well(1)
        assert release.api.ok("GET", f"/v1/operations/{op['id']}")["state"] in ("succeeded", "cancelled")
        assert cluster.troubles() == {} and cluster.condition("Ready")["status"] is True
    finally:
        cluster.delete()


def told(release, op, says, state="running", timeout=60):
    """The operation, once it says this."""
    def is_told():
        now = release.api.ok("GET", f"/v1/operations/{op['id']}")
        said = [now["error"]["detail"] if now["error"] else "", *(s["message"] or "" for s in now["steps"])]
        assert now["state"] == state and any(says in text for text in said), (now["state"], said)
        return now
    # What a try ended with stands there until the next one begins, which may be soon.
    return until(f"the operation to say {says!r}", is_told, timeout, every=0.02)


@pytest.mark.parametrize("pods, says, state", [
    ({"tolerations": [{"key": "a", "operator": "Sometimes"}]}, "Sometimes", "failed"),
    ({"affinity": {"nodeAffinities": {}}}, "nodeAffinities: field not declared in schema", "failed"),
    ({"priority_class": "none-such"}, "no PriorityClass with name none-such was found", "running"),
], ids=["toleration", "affinity", "priority_class"])
def test_what_kubernetes_refuses_is_told_in_its_words(release, pods, says, state):
    op = release.api.ok("POST", "/v1/clusters", {"name": "refused", **spec(kubernetes={"storage": {"size": "100Mi"}, **pods})})
    cluster = Cluster(release, "refused")
    try:
        told(release, op, says, state)
    finally:
        cluster.delete()
    assert release.kube.all_of(cluster.id) == {}


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def test_a_broker_that_ends_again_and_again_is_told_of_with_the_end_of_its_log(orders):
    """Its volume says that it is another broker's."""
    orders.well()
    meta = f"{orders.volume(2)}/data/meta.properties"
    was = open(meta).read()
    with orders.loaded("crashes") as load:
        write(meta, was.replace("node.id=2", "node.id=7"))
        try:
            orders.kube.kill_in_pod("orders-2", "headrace broker")

            def says_why():  # first it is told of the kill
                message = troubled(orders, 2, "CrashLoop")
                assert "exit code 1." in message and "belongs to node 7" in message, message
                return True
            until("the end of the log", says_why, 30, every=1)
        finally:
            write(meta, was)
        orders.well(timeout=120)
        load.goes_on()
    load.check()
    assert orders.troubles() == {}


def test_a_broker_that_is_given_too_little_memory_says_so(release):
    op = release.api.ok("POST", "/v1/clusters", {"name": "small", **spec(brokers=1, kubernetes={
        "storage": {"size": "100Mi"}, "resources": {"requests": {"memory": "5Mi"}, "limits": {"memory": "5Mi"}}})})
    cluster = Cluster(release, "small")
    try:
        # It may start, and even serve for a while.
        until("pods", cluster.pods, 30)
        until("the operation to end, or trouble", lambda: cluster.troubles() or
              release.api.ok("GET", f"/v1/operations/{op['id']}")["state"] == "succeeded", 30)
        producer = Producer({"bootstrap.servers": cluster.bootstrap, "log_level": 0, "message.timeout.ms": 20_000})
        for _ in range(200):
            producer.produce("much", b"x" * 100_000)
            producer.poll(0)
        assert "limits.memory" in troubled(cluster, 1, "CrashLoop")
    finally:
        cluster.delete()


@pytest.mark.timeout(240)
def test_a_node_that_is_not_heard_of_is_told(release, orders):
    orders.well()
    before = orders.uids()
    # It is the control planes' node, too: no Service leads to them meanwhile.
    direct = Api(f"http://{release.pods()[0]['status']['podIP']}:8080", release.api.key)
    reasons = lambda: [(b["trouble"] or {}).get("reason") for b in direct.ok("GET", "/v1/clusters/orders/brokers")["items"]]
    with orders.loaded("silent-node") as load:
        with orders.kube.node_is_silent():
            # Kubernetes waits for a while before it says so.
            until("the node to be missed", lambda: reasons() == ["NodeLost"] * 3, 120)
            load.goes_on()
        until("the node to be back", lambda: reasons() == [None] * 3, 60)
    release.until_ready()
    orders.well()
    assert orders.uids() == before
    load.check()


def test_an_image_that_cannot_be_had_stops_an_upgrade_at_the_first_broker(release, orders):
    orders.well()
    before = orders.uids()
    with orders.loaded("image") as load:
        release.upgrade(**{"clusters.image": "localhost/none-such:1"})
        try:
            victim = until("one broker to be troubled", lambda: next(iter(orders.troubles()), None), 90)
            assert "localhost/none-such:1" in troubled(orders, victim, "ImagePull")
            assert [n for n, uid in orders.uids().items() if uid == before[n]] == [n for n in before if n != victim], "the others are left alone"
            load.goes_on()
        finally:
            release.upgrade()
        orders.well(timeout=90)
    load.check()
