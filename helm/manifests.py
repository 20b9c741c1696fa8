#!/usr/bin/env python3
"""Checks of what the chart makes that a comparison with a snapshot does not give: what must hold for every set of values.

usage: manifests.py objects < MANIFESTS    every object is labelled and in a namespace, every pod is confined
       manifests.py metrics                dashboards and alerts ask only for metrics that the code exports
"""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
CHART = Path(__file__).parent / "headrace"
LABELS = ["name", "instance", "component", "part-of", "version", "managed-by"]
POD_LABELS = ["name", "instance", "component", "part-of"]
WITHOUT_NAMESPACE = {"ClusterRole", "ClusterRoleBinding"}
# Where the metrics get their names.
SOURCES = ["broker/src/metrics/render.rs", "control-plane/src/telemetry.rs", "control-plane/src/api/health.rs"]
METRIC = re.compile(r"\b(?:kafka|headrace|process)_[a-z0-9_]+\b")
# The broker puts these names together from a part that is the same and one that is not.
COMPOSED = {
    "kafka_server_replicamanager_": "",
    "kafka_server_brokertopicmetrics_": "_total",
}


def object_faults(manifest):
    kind, meta = manifest["kind"], manifest["metadata"]
    for label in LABELS:
        if f"app.kubernetes.io/{label}" not in meta.get("labels", {}):
            yield f"has no label app.kubernetes.io/{label}"
    if ("namespace" in meta) == (kind in WITHOUT_NAMESPACE):
        yield "is in a namespace" if "namespace" in meta else "is in no namespace"
    template = manifest["spec"]["template"] if kind in ("Deployment", "StatefulSet") else None
    if template:
        for label in POD_LABELS:
            if f"app.kubernetes.io/{label}" not in template["metadata"]["labels"]:
                yield f"has pods without label app.kubernetes.io/{label}"
        selector = manifest["spec"]["selector"]["matchLabels"]
        if not selector.items() <= template["metadata"]["labels"].items():
            yield "does not select its own pods"
        yield from pod_faults(template["spec"])
    elif kind == "Pod":
        yield from pod_faults(manifest["spec"])


def pod_faults(spec):
    """What the Pod Security Standard `restricted` asks for, and more."""
    security = spec["securityContext"]
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "has no seccomp profile"
    if spec.get("enableServiceLinks") is not False:
        yield "takes service links, whose names are like those of our own variables"
    if "automountServiceAccountToken" not in spec:
        yield "does not say whether it needs a token"
    for container in spec["containers"]:
        confined = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        if container.get("securityContext") != confined:
            yield f"does not confine container {container['name']}"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield f"sets no limit to the memory of container {container['name']}"


def check_objects():
    faults = [
        f"{manifest['kind']} {manifest['metadata']['name']} {fault}"
        for manifest in yaml.safe_load_all(sys.stdin)
        if manifest
        for fault in object_faults(manifest)
    ]
    sys.exit("\n".join(faults) or None)


def expressions():
    """Every PromQL text, and where it stands."""
    for path in sorted((CHART / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        for variable in dashboard["templating"]["list"]:
            yield path.name, variable["query"]
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name}, {panel['title']!r}", target["expr"]
        ids = [panel["id"] for panel in dashboard["panels"]]
        if len(ids) != len(set(ids)):
            sys.exit(f"{path.name}: two panels have the same id")
    for group in yaml.safe_load((CHART / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alerts.yaml, {rule['alert']}", rule["expr"]


def exported(name, source):
    histogram = re.sub(r"_(bucket|sum|count)$", "", name)
    if f'"{name}"' in source or f'"{histogram}", "histogram"' in source or f'name = "{histogram}"' in source:
        return True
    for prefix, suffix in COMPOSED.items():
        part = name.removeprefix(prefix).removesuffix(suffix)
        if name == prefix + part + suffix and f'"{part}"' in source.replace("_", ""):
            return f'{prefix}{{' in source
    return False


def check_metrics():
    source = "\n".join((ROOT / path).read_text() for path in SOURCES)
    faults = [
        f"{where}: nothing exports {name}"
        for where, text in expressions()
        for name in METRIC.findall(text)
        if not exported(name, source)
    ]
    sys.exit("\n".join(faults) or None)


match sys.argv[1:]:
    case ["objects"]:
        check_objects()
    case ["metrics"]:
        check_metrics()
    case _:
        sys.exit(__doc__)
