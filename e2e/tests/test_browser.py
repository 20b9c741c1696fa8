"""Debian's Chromium against the dashboard that the binary serves."""

import os
import subprocess

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "browser")


def test_a_newcomer_signs_in_makes_a_cluster_sees_it_run_and_lets_it_grow_and_what_it_lacks_while_a_broker_is_away(service, tmp_path):
    shots = os.environ.get("HEADRACE_SCREENSHOTS", str(tmp_path))
    os.makedirs(shots, exist_ok=True)
    r = subprocess.run(["node", "first-cluster.mjs", service.base, service.key, "in-browser", shots, os.path.join(service.data, "clusters")],
                       cwd=HERE, capture_output=True, text=True, timeout=280)
    assert r.returncode == 0, f"{r.stderr}\nscreenshots in {shots}"
    topics = service.api.ok("GET", "/v1/clusters/in-browser/topics")["items"]
    assert "from-the-browser" in [t["name"] for t in topics]
    assert service.api.ok("GET", "/v1/clusters/in-browser")["status"]["brokers_ready"] == 3
    service.api.delete_cluster("in-browser")
