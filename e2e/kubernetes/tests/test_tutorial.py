"""The tutorial's commands, as they are written."""

import os
import re
import signal
import subprocess

from harness import ports
from harness.service import ROOT
from kubernetes.harness import images
from kubernetes.harness.kube import NAMES, Kube

NAMESPACE = "tutorial"


def test_the_tutorials_commands_do_what_it_says(release):
    with open(os.path.join(ROOT, "docs", "tutorial", "kubernetes.md")) as f:
        blocks = re.findall(r"^```bash\n(.*?)^```", f.read(), re.S | re.M)
    assert len(blocks) > 10
    sets = [f"--set {prefix}image.{key}={value}" for prefix, name in (("", images.HEADRACE), ("postgresql.", images.POSTGRES))
            for key, value in zip(("repository", "tag", "pullPolicy"), (*name.split(":"), "Never"))]
    env = {**os.environ, "PATH": NAMES["PATH"], "KUBECONFIG": NAMES["KUBECONFIG"], "NAMESPACE": NAMESPACE,
           "PORT": str(ports.block()[0]), "HEADRACE_CHART": release.archive, "HEADRACE_HELM_ARGS": " ".join(sets)}
    script = "set -euo pipefail\n" + "\n".join(blocks)
    # A group of its own: what it leaves in the background ends with it.
    shell = subprocess.Popen(["bash", "-c", script], cwd=ROOT, env=env, text=True, start_new_session=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        out, _ = shell.communicate(timeout=240)
        assert shell.returncode == 0, out[-4000:]
        assert "Hello from Kubernetes" in out
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        Kube(NAMESPACE).remove()
