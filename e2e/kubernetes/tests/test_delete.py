"""A cluster that is deleted leaves nothing; with `storage.retain`, its volumes."""

from kubernetes.harness.clusters import Cluster
from harness.wait import until


def volumes(kube):
    return {v["metadata"]["name"] for v in kube.call("GET", "/api/v1/persistentvolumes")["items"]
            if v["spec"].get("claimRef", {}).get("namespace") == kube.namespace and v["status"]["phase"] != "Released"}


def test_nothing_is_left(release, orders):
    kube, mine = release.kube, {c["spec"]["volumeName"] for (kind, _), c in release.kube.all_of(orders.id).items() if kind == "persistentvolumeclaims"}
    assert mine and mine <= volumes(kube)
    release.api.ok("PATCH", "/v1/clusters/orders", {"deletion_protection": False})
    orders.delete()
    assert kube.all_of(orders.id) == {}
    assert release.api.get("/v1/clusters/orders").status == 404
    until("the volumes to go", lambda: not mine & volumes(kube), 30)


def test_volumes_stay_where_that_is_asked_for(release):
    kube = release.kube
    cluster = Cluster.create(release, "retained", brokers=2, kubernetes={"storage": {"size": "100Mi", "retain": True}})
    cluster.well(2)
    cluster.delete()
    left = kube.all_of(cluster.id)
    assert sorted(left) == [("persistentvolumeclaims", "data-retained-1"), ("persistentvolumeclaims", "data-retained-2")]
    assert all("deletionTimestamp" not in o["metadata"] for o in left.values())
    kube.kubectl("delete", "persistentvolumeclaim", "--selector", cluster.selector)
