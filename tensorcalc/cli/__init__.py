"""The command line. It finds the source, calls the library and prints; mathematics stands elsewhere.

Everything but click is imported inside the commands, so that `tensorcalc --help` answers at once.
"""

from __future__ import annotations

from tensorcalc.cli import deriving, judging, measuring
from tensorcalc.cli.running import cli

__all__ = ["cli", "deriving", "judging", "main", "measuring"]


def main() -> None:
    """Run the command line."""
    cli()
