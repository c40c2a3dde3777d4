"""Run problems with known answers through every target and both notations; fail where any of them fails.

    python known_answers.py FOLDER

FOLDER holds run_cases.py and its cases.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TARGETS = ("numpy", "torch", "jax")
NOTATIONS = ("index", "implied")


def main(folder: Path) -> int:
    """Run the problems; the number of combinations of target and notation with failures."""
    bad = 0
    for target in TARGETS:
        for notation in NOTATIONS:
            command = [sys.executable, str(folder / "run_cases.py"), "--target", target, "--notation", notation]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(f"{target}, {notation}: {(done.stdout + done.stderr[-2000:]).strip()}", flush=True)
            bad += done.returncode != 0
    return bad


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
