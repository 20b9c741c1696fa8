"""Other programs' output, and how to give up."""

import subprocess
import sys


def output(*command):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.strip()


def fail(why):
    sys.exit(f"image: {why}")
