"""The command line as a whole: the group of commands, errors as messages and exit statuses, colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from tensorcalc.errors import TensorCalcError, printable

__all__ = ["FAILED", "NOTHING_CHECKABLE", "cli", "colored"]

FAILED, BAD_INPUT, NOTHING_CHECKABLE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 70, 130, 141


class _Group(click.Group):
    """Turns every exception into a message and an exit status; no user sees a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
            raise click.exceptions.Exit(BROKEN_PIPE) from None

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        debug = bool(os.environ.get("TENSORCALC_DEBUG"))
        try:
            _use_utf8()
            run: Any = super().main
            status = run(*args, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.exceptions.Exit as finished:
            status = finished.exit_code
        except click.ClickException as error:
            error.show()
            status = BAD_INPUT
        except TensorCalcError as error:
            click.echo(_error_text(error), err=True)
            status = BAD_INPUT
        except (click.Abort, KeyboardInterrupt):
            status = INTERRUPTED
        except Exception as error:
            if debug or "--debug" in sys.argv:
                raise
            name = type(error).__name__
            click.echo(f"internal error: {name}: {printable(str(error))[:500]}", err=True)
            click.echo(
                "  This is a mistake of tensorcalc; please report it with what `tensorcalc --debug …` prints.", err=True
            )
            status = INTERNAL
        sys.exit(status if isinstance(status, int) else 0)


def _use_utf8() -> None:
    """Print σ and ∂ whatever the locale; what a stream cannot encode is escaped rather than an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def _error_text(error: TensorCalcError) -> str:
    text = error.render()
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return text
    first, _, rest = text.partition("\n")
    return click.style(first, bold=True, fg="red") + ("\n" + rest if rest else "")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tensorcalc")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def cli(debug: bool) -> None:
    """Derive gradients in index notation, one named rule at a time; check them; generate the code.

    SOURCE is a name of the library (`tensorcalc list`), a file (TOML, or equations alone), or - for standard input.

    Exit status: 0 fine, 1 a check failed, 2 bad input or usage, 3 nothing to check.
    """


COLORS: Mapping[str, Mapping[str, Any]] = {
    "error[": {"fg": "red", "bold": True},
    "  -->": {"fg": "blue"},
    "   |": {"fg": "blue"},
    "  hint:": {"fg": "cyan"},
    "  instead:": {"fg": "green"},
}


def colored(text: str) -> str:
    """A report with colours, on a terminal that shows them."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    lines = []
    for line in text.split("\n"):
        mark = next((m for m in COLORS if line.startswith(m)), "")
        head = line.partition(":")[0] + ":" if mark == "error[" else mark
        rest = click.style(line[len(head) :], bold=True) if mark == "error[" else line[len(head) :]
        lines.append(click.style(head, **COLORS[mark]) + rest if mark else line)
    return "\n".join(lines)
