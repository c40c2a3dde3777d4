"""Run problems with known answers through every target and both notations; fail where one that should pass does not.

    python known_answers.py FOLDER

FOLDER holds run_cases.py and cases.jsonl. `UNSUPPORTED` are words of the notation that cannot be derived or compiled
yet: a problem that uses one of them is reported and does not count.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

UNSUPPORTED = ("prod", "amax", "inv", "det", "logdet")
TARGETS = ("numpy", "torch")
NOTATIONS = ("index", "implied")


def main(folder: Path) -> int:
    """Run the problems; the number of combinations of target and notation with unexpected failures."""
    cases = [json.loads(line) for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines() if line]
    excused = {
        c["id"]
        for c in cases
        if re.search(rf"\b({'|'.join(UNSUPPORTED)})\(", c["index_notation"] + c["implied_notation"])
    }
    bad = 0
    for notation in NOTATIONS:
        for target in TARGETS:
            command = [
                sys.executable,
                str(folder / "run_cases.py"),
                "--json",
                "--target",
                target,
                "--notation",
                notation,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if not done.stdout:
                print(done.stderr[-2000:])
                return 1
            found = json.loads(done.stdout)
            failed = {name: why for name, why in found["failed"].items() if name not in excused}
            counts = f"{len(found['passed'])} passed, {len(found['failed'])} failed, {len(failed)} unexpectedly"
            print(f"{target}, {notation}: {counts}")
            for name, why in failed.items():
                print(f"  FAIL {name}: {why}")
            bad += bool(failed)
    return bad


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
