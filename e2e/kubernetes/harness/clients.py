"""Clients inside Kubernetes: a pod with this machine's programs, Kafka's jars and librdkafka mounted, so that nothing is packed."""

import glob
import json
import os
import shutil
import sys

from harness import java
from harness.service import ROOT
from kubernetes.harness import images

E2E = os.path.join(ROOT, "e2e")


# Where /usr/bin/java leads to: there is no /etc/alternatives in the pods.
JAVA = os.path.realpath(shutil.which("java") or "java")


def java_command(main, *args):
    return [JAVA, *java.command(main, *args)[1:]]


def _folders():
    """What Java and Python need of this machine, each at its own path."""
    wanted = ["/usr", E2E, sys.base_prefix, JAVA.removesuffix("/bin/java"), *glob.glob("/etc/java-*")]
    return [w for w in wanted if w == "/usr" or not w.startswith("/usr/")]


def pod(name, *command):
    folders = [(f"host-{n}", folder) for n, folder in enumerate(_folders())]
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "clients"}},
        "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "containers": [{
                "name": "clients", "image": images.CLIENTS, "imagePullPolicy": "Never",
                **({"command": [str(c) for c in command]} if command else {}),
                "env": [{"name": "PYTHONPATH", "value": E2E}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
                "volumeMounts": [{"name": v, "mountPath": f, "readOnly": True} for v, f in folders],
            }],
            "volumes": [{"name": v, "hostPath": {"path": f, "type": "Directory"}} for v, f in folders],
        },
    }


class Clients:
    """A pod that waits for commands."""

    def __init__(self, kube, name="clients"):
        self.kube, self.name = kube, name
        kube.kubectl("apply", "-f", "-", stdin=json.dumps(pod(name)))
        kube.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")

    def exec(self, *command, stdin=None, **kw):
        return self.kube.kubectl("exec", *(["-i"] if stdin is not None else []), self.name, "--", *command, stdin=stdin, **kw)

    def java(self, main, *args, **kw):
        return self.exec(*java_command(main, *args), **kw)

    def python(self, program, *args, **kw):
        return self.exec(sys.executable, "-c", program, *args, **kw)


class JavaProducer:
    """Kafka's own client, idempotent and with acks=all, in a pod of its own: it goes on whoever else is away."""

    def __init__(self, kube, bootstrap, topic, count, per_second, name="java-producer"):
        self.kube, self.name, self.count = kube, name, count
        kube.kubectl("apply", "-f", "-", stdin=json.dumps(pod(name, *java_command("e2e.Produce", bootstrap, topic, count, "lz4", per_second))))

    def finish(self, timeout=120):
        """Its closing words."""
        self.kube.kubectl("wait", f"pod/{self.name}", "--for=jsonpath={.status.phase}=Succeeded", f"--timeout={timeout}s",
                          timeout=timeout + 10, check=False)
        return self.kube.kubectl("logs", self.name).stdout

    def remove(self):
        self.kube.kubectl("delete", "pod", self.name, "--ignore-not-found", "--wait=false")
