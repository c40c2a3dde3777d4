"""The benchmarks at small sizes: what they compare agrees. Times are not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def test_second_derivatives_agree_with_those_of_jax() -> None:
    command = [sys.executable, str(BENCHMARKS / "second_order.py"), "--small", "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 12
    assert not any("left out" in line for line in lines)


def test_slips_are_flagged_and_rewritings_are_not() -> None:
    article = BENCHMARKS.parent / "tests" / "fixtures" / "articles" / "softmax_sums.md"
    command = [sys.executable, str(BENCHMARKS / "mutations.py"), str(article), "--every", "2"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "slips, 100.00 % flagged" in done.stdout
