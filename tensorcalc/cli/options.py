"""Options that several commands have, what they stand for, and where the answer goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorcalc.errors import TensorCalcError

if TYPE_CHECKING:
    from tensorcalc.api import Derivation, System

__all__ = [
    "JSON",
    "OUTPUT",
    "complete",
    "decorated",
    "derivations_of",
    "system_of",
    "with_equations",
    "with_manner",
    "with_request",
    "with_source",
    "write",
    "write_json",
]

NO_OPTIONS: Mapping[str, Any] = {}


def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from tensorcalc import library

    found = [CompletionItem(name) for name in library.names() if name.startswith(incomplete)]
    return [*found, CompletionItem(incomplete, type="file")]


def decorated(function: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function


def with_source(function: Callable[..., Any]) -> Callable[..., Any]:
    """SOURCE and -e: where the equations come from."""
    source = click.argument("source", required=False, shell_complete=complete)
    return decorated(function, (source, with_equations))


def with_equations(function: Callable[..., Any]) -> Callable[..., Any]:
    """-e: equations themselves."""
    return click.option("-e", "equations", metavar="EQUATIONS", help="Equations, instead of SOURCE.")(function)


def with_request(function: Callable[..., Any]) -> Callable[..., Any]:
    """--of, --wrt and --kind: what to derive."""
    return decorated(
        function,
        (
            click.option("--of", multiple=True, metavar="NAME", help="Definition to derive; may be repeated."),
            click.option("--wrt", multiple=True, metavar="NAME", help="Tensor to differentiate by; may be repeated."),
            click.option("--kind", metavar="KIND", help="gradient, jacobian, vjp, jvp, hessian or hvp."),
        ),
    )


def with_manner(function: Callable[..., Any]) -> Callable[..., Any]:
    """--order, --keep and --letters: how the derivation goes."""
    orders = click.Choice(["auto", "jacobians", "adjoints"])
    return decorated(
        function,
        (
            click.option("--order", type=orders, default="auto", help="What the chain rule takes first."),
            click.option("--keep", is_flag=True, help="Keep the gradients of other definitions by name in results."),
            click.option("--letters", default="", metavar="LETTERS", help="Indices of derivatives, such as 'p q'."),
        ),
    )


OUTPUT = click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of standard output.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")


def system_of(source: str | None, equations: str | None, written: str = "text") -> System:
    """The system that SOURCE or -e names."""
    from tensorcalc import api, articles, library

    read = api.parse if written == "text" else api.parse_latex
    if equations is not None and source is None:
        return read(equations, "<command line>")
    if source is None or equations is not None:
        raise click.UsageError("give either SOURCE or -e EQUATIONS")
    if source == "-":
        return read(library.decode(sys.stdin.buffer.read(), "<stdin>"), "<stdin>")
    return api.load(source) if written == "text" else read(articles.read(source), source)


def derivations_of(
    system: System, of: tuple[str, ...], wrt: tuple[str, ...], kind: Any, manner: Mapping[str, Any] = NO_OPTIONS
) -> list[Derivation]:
    """What the options ask for, or else the file."""
    if of or wrt or kind:
        return [system.derive(of, wrt, kind, **manner)]
    return system.derive_all(**manner)


def write(text: str, output: str | None = None) -> None:
    text = text if text.endswith("\n") or not text else text + "\n"
    if output is None or output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TensorCalcError("E_FILE", f"{output} cannot be written: {error.strerror or error}") from None


def write_json(data: object) -> None:
    import json

    write(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False))
