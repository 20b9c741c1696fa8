"""The chart: what it makes works, and what it cannot make is refused."""

import glob
import os

import pytest

from harness.service import ROOT
from kubernetes.harness.kube import MONITORING, Kube
from kubernetes.harness.release import VALUES

OPERATORS = ["ServiceMonitor", "PrometheusRule"]
VALUE_SETS = {os.path.basename(f).removesuffix(".values.yaml"): f for f in glob.glob(os.path.join(ROOT, "helm/snapshots/*.values.yaml"))}


def test_the_release_answers(release):
    assert release.api.get("/readyz").status == 200
    assert release.api.ok("GET", "/v1/capabilities")
    assert release.api.get("/v1/clusters", key=None).status == 401
    assert len(release.pods()) == 2


def test_helm_test_passes(release):
    said = release.kube.helm("test", release.name, "--timeout", "60s").stdout
    assert "Succeeded" in said, said


@pytest.mark.parametrize("change, says", [
    ({"replica": 2}, "'replica'"),
    ({"postgresql": {"enabled": False}}, "No database"),
    ({"database": {"url": "postgres://h/d"}}, "More than one database"),
    ({"service": {"type": "ExternalName"}}, "/service/type"),
    ({"monitoring": {"serviceMonitor": {"enabled": True}}}, "needs the Prometheus Operator"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_wrong_values_are_refused(release, change, says):
    said = release.refused({**VALUES, **change})
    assert says in said, said


@pytest.fixture(scope="module")
def dry(release):
    """The namespaces and kinds that the sets of values name, with nothing in them."""
    kube = Kube("headrace-dry")
    kube.define(MONITORING, *OPERATORS)
    for namespace in (kube.namespace, "kafka"):
        kube.kubectl("create", "namespace", namespace)
    yield kube
    kube.kubectl("delete", "namespace", kube.namespace, "kafka", "--wait=false")
    kube.undefine(MONITORING, *OPERATORS)


@pytest.mark.parametrize("values", VALUE_SETS)
def test_the_api_server_takes_what_the_chart_makes(release, dry, values):
    """Every object, with all defaults, limits and checks of the API server, and nothing of it made."""
    made = dry.helm("template", "dry", release.archive, "--values", VALUE_SETS[values], "--api-versions", f"{MONITORING}/v1",
                    "--no-hooks").stdout
    said = dry.kubectl("create", "--dry-run=server", "--validate=strict", "--filename", "-", stdin=made).stdout
    assert said.count("(server dry run)") == sum(line.startswith("kind:") for line in made.splitlines()) > 5, said
