"""Figures that tests measure and do not judge: shown at the end of the run, and written down where HEADRACE_E2E_MEASURED says."""

import json
import os

figures = {}


def note(name, value, unit="s"):
    text = f"{value:.2f} {unit}" if isinstance(value, float) else f"{value} {unit}"
    figures.setdefault(name, []).append(text)
    print(f"{name}: {text}")


def report(write_line):
    if not figures:
        return
    write_line("measured:")
    for name, values in figures.items():
        write_line(f"  {name}: {', '.join(values)}")
    path = os.environ.get("HEADRACE_E2E_MEASURED")
    if path:
        with open(path, "w") as f:
            json.dump(figures, f, indent=2)
