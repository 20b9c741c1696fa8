"""A release of the chart, installed from the archive that `helm package` makes."""

import base64
import json
import os
import tempfile

from harness.api import Api
from harness.service import ROOT
from harness.wait import until
from kubernetes.harness import images
from kubernetes.harness.kube import NODE_IP

CHART = os.path.join(ROOT, "helm", "headrace")


def image(name, policy="Never"):
    repository, tag = name.split(":")
    return {"repository": repository, "tag": tag, "pullPolicy": policy}


with open(os.path.join(CHART, "Chart.yaml")) as chart:
    VERSION = next(line.split('"')[1] for line in chart if line.startswith("appVersion:"))
# The same software under another name, and one that is nowhere.
OTHER_VERSION, BAD_VERSION = "0.1.1", "9.9.9"
VALUES = {
    "image": image(images.HEADRACE),
    "postgresql": {"enabled": True, "image": image(images.POSTGRES), "storage": {"size": "256Mi"}},
    "service": {"type": "NodePort"},
    "clusters": {"versionImages": {OTHER_VERSION: images.HEADRACE, BAD_VERSION: "localhost/none:1"}, "startTimeout": "20s"},
}
CONTROL_PLANE = "app.kubernetes.io/component=control-plane"


class Release:
    def __init__(self, kube, name="headrace"):
        self.kube, self.name = kube, name
        self.folder = tempfile.TemporaryDirectory(prefix="headrace-chart-")
        self.package()
        self.known_base = self.known_key = None

    def package(self, version=None):
        """What is installed from now on; the same chart, as another version of it if one is named."""
        before = os.listdir(self.folder.name)
        self.kube.helm("package", CHART, "--destination", self.folder.name, *(["--version", version] if version else []))
        (archive,) = set(os.listdir(self.folder.name)) - set(before)
        self.archive = os.path.join(self.folder.name, archive)

    def _apply(self, verb, sets, *args, values=VALUES, **kw):
        flags = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
        return self.kube.helm(verb, self.name, self.archive, "--values", "-", *flags, *args, stdin=json.dumps(values), **kw)

    def install(self, **sets):
        self._apply("install", sets, "--wait", "--timeout", "120s")
        self.replicas = sets.get("replicas", 2)
        self.known_base = None  # another port of the node
        self.until_ready()
        return self

    def refused(self, values):
        """What Helm says of values that it must not take."""
        r = self._apply("install", {}, "--dry-run=client", values=values, check=False)
        assert r.returncode != 0, "they were taken"
        return r.stderr

    def upgrade(self, **sets):
        """Until none of the former control planes answers any more."""
        self._apply("upgrade", sets, "--wait", "--timeout", "120s")
        self.until_ready()

    def uninstall(self):
        return self.kube.helm("uninstall", self.name, "--wait", "--timeout", "120s")

    @property
    def base(self):
        if self.known_base is None:
            (port,) = self.kube.get("services", self.name)["spec"]["ports"]
            self.known_base = f"http://{NODE_IP}:{port['nodePort']}"
        return self.known_base

    @property
    def api(self):
        if self.known_key is None:
            secret = self.kube.get("secrets", f"{self.name}-admin")
            self.known_key = base64.b64decode(secret["data"]["admin-key"]).decode()
        return Api(self.base, self.known_key)

    def pods(self):
        return self.kube.list("pods", CONTROL_PLANE)

    def kill(self):
        """All control planes at once, as the loss of their nodes would; others are made by Kubernetes."""
        self.kube.kubectl("delete", "pods", "--selector", CONTROL_PLANE, "--force", "--grace-period=0", "--wait=false")

    def until_ready(self, timeout=60):
        def ready():
            assert self.api.get("/readyz", timeout=5).status == 200
            pods = self.pods()
            return len(pods) == self.replicas and all(s["ready"] for p in pods for s in p["status"].get("containerStatuses", [{"ready": False}]))
        until("the control planes", ready, timeout)
