"""franz-go, the fullest client in Go."""

import os
import subprocess

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "go")


def test_topic_every_compression_and_a_group_of_three(bootstrap, tmp_path):
    program = str(tmp_path / "franz")
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE, check=True, timeout=240)
    r = subprocess.run([program, bootstrap, "franz"], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stdout + r.stderr
    assert "records 1000, distinct read 1000, end offsets sum 1000" in r.stdout
