"""What is kept of a test that failed: logs, events and objects, as they were at that moment."""

import json
import os
import re
import shutil

from harness.service import ROOT

FOLDER = os.environ.get("HEADRACE_E2E_EVIDENCE", os.path.join(ROOT, "target", "kubernetes-e2e"))


def save(test, kube, release):
    """Returns the folder."""
    folder = os.path.join(FOLDER, re.sub(r"[^a-z0-9_]+", "-", test.lower()))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)

    def keep(name, text):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)

    def ask(name, *args):
        r = kube.kubectl(*args, check=False)
        keep(name, r.stdout + r.stderr)

    ask("objects.txt", "get", "all,pvc,configmap,secret,serviceaccount,pdb,networkpolicy", "-o", "wide", "--show-labels")
    ask("objects.yaml", "get", "statefulset,pod,service,pvc,configmap,pdb,networkpolicy", "-o", "yaml")
    ask("events.txt", "get", "events", "--sort-by=.lastTimestamp", "-o", "wide")
    ask("pods.txt", "describe", "pods")
    ask("node.txt", "describe", "nodes")
    try:
        pods = kube.list("pods")
    except Exception as e:
        pods, _ = [], keep("pods-unknown.txt", repr(e))
    for pod in pods:
        for status in pod["status"].get("containerStatuses", []):
            name = f"{pod['metadata']['name']}.{status['name']}"
            ask(f"{name}.log", "logs", pod["metadata"]["name"], "-c", status["name"], "--timestamps")
            if status["restartCount"]:
                ask(f"{name}.previous.log", "logs", pod["metadata"]["name"], "-c", status["name"], "--previous", "--timestamps")
    try:
        api = release.api
        clusters = api.ok("GET", "/v1/clusters")["items"]
        for path in ["/v1/clusters", "/v1/operations", "/v1/events", *[f"/v1/clusters/{c['name']}/brokers" for c in clusters]]:
            keep(path.strip("/").replace("/", "-") + ".json", json.dumps(api.ok("GET", path), indent=2))
    except Exception as e:
        keep("api.txt", repr(e))
    return folder
