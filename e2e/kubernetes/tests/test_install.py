"""The chart: what it makes works, and what it cannot make is refused."""

import pytest

from kubernetes.harness.release import VALUES


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
