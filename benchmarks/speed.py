"""How fast a derivation is: the first and the following ones of a process, the whole command, and `--help`.

    python benchmarks/speed.py [ROUNDS]

Prints medians over fresh processes, interleaved so that all see the same load. Only ratios carry over;
each limit stands beside its figure. Exit status 1 where a limit is passed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

DERIVE = """
import time
import tensorcalc as tc
from tensorcalc import api
system = tc.load("cross_entropy")
times = []
for _ in range(5):
    start = time.perf_counter()
    system.derive("c", "x")
    times.append(time.perf_counter() - start)
print(times[0], sorted(times[1:])[2])
"""
BASE = "import sympy, numpy, click, rich"
HELP = "import sys; from tensorcalc.cli import cli; sys.argv = ['tensorcalc', '--help']; cli()"
COMMAND = "import sys; from tensorcalc.cli import cli; sys.argv = ['tensorcalc', 'derive', 'cross_entropy']; cli()"


def run(code: str) -> tuple[float, str]:
    """Seconds of a fresh process, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, encoding="utf-8"
    )
    return time.perf_counter() - start, done.stdout


def main(rounds: int) -> int:
    """Measure and print; the number of limits passed."""
    seconds: dict[str, list[float]] = {name: [] for name in ("first", "again", "base", "command", "help")}
    for _ in range(rounds):
        first, again = map(float, run(DERIVE)[1].split())
        seconds["first"].append(first)
        seconds["again"].append(again)
        for name, code in (("base", BASE), ("command", COMMAND), ("help", HELP)):
            seconds[name].append(run(code)[0])
    median = {name: statistics.median(values) for name, values in seconds.items()}
    rows = (
        ("derive, first of the process", median["first"], 0.150),
        ("derive, again", median["again"], 0.050),
        ("the whole command", median["command"], 1.5 * median["base"] + 0.3),
        ("--help", median["help"], 0.25),
    )
    print(f"medians of {rounds} fresh processes; base is `{BASE}`: {median['base'] * 1e3:.0f} ms\n")
    print(f"{'':30} {'ms':>7} {'limit':>7} {'of limit':>9} {'of base':>8}")
    for name, value, limit in rows:
        ratio = f"{value / limit:.0%}"
        print(f"{name:30} {value * 1e3:7.1f} {limit * 1e3:7.0f} {ratio:>9} {value / median['base']:8.2f}")
    return sum(value > limit for _, value, limit in rows)


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)))
