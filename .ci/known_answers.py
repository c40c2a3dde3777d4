"""Run problems with known answers through every target and both notations; fail where any of them fails.

    python known_answers.py FOLDER

FOLDER holds run_cases.py and its cases. What the target c refuses as unsupported is no failure; a wrong answer is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUNS = [(target, notation) for target in ("numpy", "torch", "jax") for notation in ("index", "implied")]
RUNS.append(("c", "index"))


def main(folder: Path) -> int:
    """Run the problems; the number of combinations of target and notation with failures."""
    bad = 0
    for target, notation in RUNS:
        command = [sys.executable, str(folder / "run_cases.py"), "--target", target, "--notation", notation, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            print(f"{target}, {notation}: {(done.stdout + done.stderr)[-2000:].strip()}", flush=True)
            bad += 1
            continue
        refused = [name for name, why in found["failed"].items() if target == "c" and "error[E_UNSUPPORTED]" in why]
        failed = {name: why for name, why in found["failed"].items() if name not in refused}
        for name, why in failed.items():
            print(f"FAIL {name}: {why}")
        unsupported = f", {len(refused)} unsupported" if refused else ""
        print(f"{target}, {notation}: {len(found['passed'])} passed, {len(failed)} failed{unsupported}", flush=True)
        bad += bool(failed)
    return bad


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
