"""The Kubernetes that the tests run on: brought up and taken down, told as users tell it, and its processes killed.

What is asked often is asked of the API server itself: a `kubectl` costs a tenth of a second of CPU each time."""

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import threading

from harness.service import ROOT
from harness.wait import until

CLUSTER = os.path.join(ROOT, "e2e", "kubernetes", "cluster")
KEEP = os.environ.get("HEADRACE_E2E_KEEP") == "1"
API_OF = {"statefulsets": "apis/apps/v1", "deployments": "apis/apps/v1", "replicasets": "apis/apps/v1",
          "poddisruptionbudgets": "apis/policy/v1", "networkpolicies": "apis/networking.k8s.io/v1",
          "podmonitors": "apis/monitoring.coreos.com/v1"}
# All kinds that a cluster is made of.
KINDS = ["statefulsets", "pods", "poddisruptionbudgets", "networkpolicies", "services", "persistentvolumeclaims", "secrets",
         "serviceaccounts", "configmaps"]
CLUSTER_ID = "headrace.dev/cluster-id"
MONITORING = "monitoring.coreos.com"


def _names():
    names = ["KUBE_STATE", "KUBE_BIN", "NODE_IP", "NODE", "API_PORT", "PATH", "KUBECONFIG"]
    show = " ".join(f'"${n}"' for n in names)
    out = subprocess.run(["bash", "-c", f". {CLUSTER}/env; printf '%s\\n' {show}"], check=True, capture_output=True, text=True)
    return dict(zip(names, out.stdout.splitlines()))


NAMES = _names()
STATE, NODE_IP, NODE = NAMES["KUBE_STATE"], NAMES["NODE_IP"], NAMES["NODE"]


def run(*command, stdin=None, timeout=120, check=True):
    r = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True, timeout=timeout,
                       env={**os.environ, "PATH": NAMES["PATH"], "KUBECONFIG": NAMES["KUBECONFIG"]})
    if check:
        assert r.returncode == 0, f"{' '.join(map(str, command))}: exit {r.returncode}\n{r.stdout[-3000:]}\n{r.stderr[-3000:]}"
    return r


class Refused(AssertionError):
    """The API server says no."""

    def __init__(self, status, said):
        super().__init__(f"{status}: {said}")
        self.status, self.said = status, said


class Kube:
    """All that concerns one namespace."""

    def __init__(self, namespace):
        self.namespace = namespace

    # The whole of it.

    @staticmethod
    def is_up():
        return os.path.exists(f"{STATE}/pids")

    @staticmethod
    def up():
        if KEEP and Kube.is_up():
            return
        run(f"{CLUSTER}/up", timeout=3600)

    @staticmethod
    def down():
        run(f"{CLUSTER}/down")

    @staticmethod
    def load(image):
        run(f"{CLUSTER}/load-image", image)

    # As users do.

    def kubectl(self, *args, **kw):
        return run("kubectl", "--namespace", self.namespace, *args, **kw)

    def helm(self, *args, **kw):
        return run("helm", "--namespace", self.namespace, *args, **kw)

    # As programs do.

    def _connection(self, timeout):
        context = ssl.create_default_context(cafile=f"{STATE}/pki/ca.crt")
        context.load_cert_chain(f"{STATE}/pki/admin.crt", f"{STATE}/pki/admin.key")
        return http.client.HTTPSConnection(NODE_IP, int(NAMES["API_PORT"]), timeout=timeout, context=context)

    def call(self, method, path, body=None, content_type="application/json", timeout=20):
        connection = self._connection(timeout)
        try:
            connection.request(method, path, body and json.dumps(body), {"content-type": content_type})
            r = connection.getresponse()
            text = r.read().decode()
            if r.status >= 300:
                raise Refused(r.status, text)
            return json.loads(text) if text.startswith("{") else text
        finally:
            connection.close()

    def path(self, kind, name="", selector=None, watch=False):
        query = "&".join([*([f"labelSelector={selector}"] if selector else []), *(["watch=1"] if watch else [])])
        return f"/{API_OF.get(kind, 'api/v1')}/namespaces/{self.namespace}/{kind}{'/' if name else ''}{name}{'?' if query else ''}{query}"

    def list(self, kind, selector=None):
        return self.call("GET", self.path(kind, selector=selector))["items"]

    def get(self, kind, name):
        """An object, or None."""
        try:
            return self.call("GET", self.path(kind, name))
        except Refused as e:
            if e.status != 404:
                raise
            return None

    def patch(self, kind, name, change):
        return self.call("PATCH", self.path(kind, name), change, "application/merge-patch+json")

    def delete(self, kind, name):
        return self.call("DELETE", self.path(kind, name))

    def define(self, group, *kinds):
        """Kinds of the monitoring.coreos.com group, say, without their fields: of an operator, that is enough for who makes such objects."""
        for kind in kinds:
            name = kind.lower()
            self.kubectl("apply", "--filename", "-", stdin=json.dumps({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{name}s.{group}"},
                "spec": {"group": group, "scope": "Namespaced",
                         "names": {"kind": kind, "listKind": f"{kind}List", "plural": f"{name}s", "singular": name},
                         "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                             "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}))
            self.kubectl("wait", "--for=condition=Established", f"crd/{name}s.{group}", "--timeout=30s")

    def undefine(self, group, *kinds):
        self.kubectl("delete", "crd", *[f"{kind.lower()}s.{group}" for kind in kinds], "--ignore-not-found")

    def evict(self, pod):
        return self.call("POST", self.path("pods", pod) + "/eviction", {
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": self.namespace}})

    def remove(self):
        """The namespace with all that is in it. Nobody is there any more to let go of the clusters' ConfigMaps."""
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

        def gone():
            for config in self.list("configmaps", "app.kubernetes.io/managed-by=headrace"):
                if "deletionTimestamp" in config["metadata"]:
                    with contextlib.suppress(Refused):
                        self.patch("configmaps", config["metadata"]["name"], {"metadata": {"finalizers": None}})
            return self.kubectl("get", "namespace", self.namespace, check=False).returncode != 0
        until("the namespace to go", gone, 120, every=0.5)

    def all_of(self, cluster_id, kinds=KINDS):
        """Every object of a cluster, as {(kind, name): object}."""
        return {(kind, o["metadata"]["name"]): o for kind in kinds for o in self.list(kind, f"{CLUSTER_ID}={cluster_id}")}

    def metric(self, name):
        """The lines of a metric of the API server, as (labels' text, value)."""
        lines = [line for line in self.call("GET", "/metrics").splitlines() if line.startswith(name + "{")]
        return [(line.rsplit(" ", 1)[0], float(line.rsplit(" ", 1)[1])) for line in lines]

    # As misfortune does.

    def kill_in_pod(self, pod, words, sig=signal.SIGKILL):
        """Signals the process of a pod whose command line has these words in it; returns its pid."""
        uid = self.get("pods", pod)["metadata"]["uid"]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                group = open(f"/proc/{pid}/cgroup").read()
                command = open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if f"pod{uid}" in group and words in command:
                os.kill(int(pid), sig)
                return int(pid)
        raise AssertionError(f"no process of pod {pod} has {words!r} in its command line")

    @contextlib.contextmanager
    def control_plane_away(self):
        """Kubernetes' own control plane is killed, as the loss of its node would, and started again at the end."""
        names = ("apiserver", "controller-manager", "scheduler")
        gone = {name: _Process(name) for name in names}
        for process in gone.values():
            process.kill()
        try:
            yield
        finally:
            gone["apiserver"].start()
            until("the API server", lambda: self.call("GET", "/readyz") == "ok", 60)
            for name in names[1:]:
                gone[name].start()


    @contextlib.contextmanager
    def node_is_silent(self):
        """Its kubelet reports nothing; what runs there goes on."""
        with _Process("kubelet").stopped():
            yield

    @contextlib.contextmanager
    def api_server_hangs(self):
        """It keeps its connections open, takes new ones, and answers none."""
        with _Process("apiserver").stopped():
            yield
        until("the API server", lambda: self.call("GET", "/readyz") == "ok", 60)


class _Process:
    """One of the processes that `up` started and wrote down."""

    def __init__(self, name):
        self.name = name
        self.pid = next(line.split()[0] for line in open(f"{STATE}/pids") if line.split()[1] == name)
        self.command = open(f"/proc/{self.pid}/cmdline", "rb").read().decode().split("\0")[:-1]
        env = open(f"/proc/{self.pid}/environ", "rb").read().decode().split("\0")
        self.env = dict(pair.split("=", 1) for pair in env if "=" in pair)

    def kill(self, sig=signal.SIGKILL):
        os.kill(int(self.pid), sig)

    @contextlib.contextmanager
    def stopped(self):
        self.kill(signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(signal.SIGCONT)

    def start(self):
        with open(f"{STATE}/log/{self.name}.log", "ab") as log:
            again = subprocess.Popen(self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        threading.Thread(target=again.wait, daemon=True).start()  # so that it is no zombie when `down` looks for it
        pids = open(f"{STATE}/pids").read()
        with open(f"{STATE}/pids", "w") as f:
            f.write(pids.replace(f"{self.pid} {self.name}\n", f"{again.pid} {self.name}\n"))
