"""Commands that print: the library, what was understood, derivations, programs, the gallery."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import Exit

from tensorcalc.cli.options import (
    JSON,
    OUTPUT,
    complete,
    decorated,
    derivations_of,
    system_of,
    with_manner,
    with_request,
    with_source,
    write,
    write_json,
)
from tensorcalc.cli.running import FAILED, cli

if TYPE_CHECKING:
    from tensorcalc.api import Derivation

__all__ = ["codegen", "derive", "gallery", "list_command", "show"]


@cli.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the derivations of the library, group by group."""
    from tensorcalc import library

    entries = library.entries()
    if as_json:
        write_json([{"name": name, "title": e.title, "group": e.group} for name, e in entries.items()])
        return
    width = max((len(name) for name in entries), default=0)
    for number, (group, members) in enumerate(groupby(entries.items(), lambda item: item[1].group)):
        if number:
            click.echo()
        click.echo(group or "others")
        for name, entry in members:
            click.echo(f"  {name:{width}}  {entry.title}")


@cli.command()
@with_source
@JSON
def show(source: str | None, equations: str | None, as_json: bool) -> None:
    """Print what was understood of the equations.

    Every sum is explicit, and the dimensions of indices, inputs and labels are named.
    """
    system = system_of(source, equations)
    if as_json:
        from tensorcalc import render

        write_json(render.system_dict(system))
    else:
        click.echo(system.text(), nl=False)


FORMATS = ("text", "latex", "tex", "markdown", "html", "json")
LATEX_ONLY = "--environment, --number and --tag belong to --format latex"


def with_looks(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a derivation is written."""
    adjoints, environments = click.Choice(["partial", "bar"]), click.Choice(["aligned", "align", "gathered"])
    return decorated(
        function,
        (
            click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True),
            click.option("--detail", type=click.Choice(["all", "key", "result"]), default="all", show_default=True),
            click.option("--style", type=click.Choice(["einstein", "sigma"]), default="einstein", show_default=True),
            click.option("--adjoint", type=adjoints, default="partial", help="∂l/∂x, or x with a bar."),
            click.option("--environment", type=environments, help="How latex displays a lemma."),
            click.option("--number", is_flag=True, help="Number the equations of latex."),
            click.option("--tag", is_flag=True, help="Names of rules as tags of latex, in align."),
            click.option("--check/--no-check", "checked", default=True, help="Tell in articles what checks found."),
        ),
    )


@cli.command()
@with_source
@with_request
@with_manner
@with_looks
@click.option("--from", "written", type=click.Choice(["text", "latex"]), default="text", help="How SOURCE is written.")
@click.option("--matrix", "in_matrices", is_flag=True, help="Add the results in matrix notation (text, latex).")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@OUTPUT
def derive(
    source: str | None,
    equations: str | None,
    of: tuple[str, ...],
    wrt: tuple[str, ...],
    kind: str | None,
    order: str,
    keep: bool,
    letters: str,
    written: str,
    in_matrices: bool,
    form: Any,
    environment: Any,
    number: bool,
    tag: bool,
    checked: bool,
    as_json: bool,
    output: str | None,
    **looks: Any,
) -> None:
    """Print a derivation, every line with its rule.

    text and latex are the formulas alone; tex, markdown and html are articles: prose, formulas, code, checks.
    """
    from tensorcalc import formats, render

    form = "json" if as_json else form
    if form != "latex" and (environment or number or tag):
        raise click.UsageError(LATEX_ONLY)
    if in_matrices and form not in ("text", "latex"):
        raise click.UsageError("--matrix belongs to --format text and latex; articles have it anyway")
    display = render.Form(environment or "", number, tag)
    manner = {"order": order, "substitute": not keep, "letters": letters}
    found = derivations_of(system_of(source, equations, written), of, wrt, kind, manner)
    if form == "text" and output is None and sys.stdout.isatty():
        from tensorcalc.terminal import print_derivation

        for d in found:
            print_derivation(d, **looks)
            click.echo(_in_matrices([d], form, looks, in_matrices), nl=in_matrices)
        return
    document = formats.written(found, form, **looks, checked=checked, latex=display)
    write(document + _in_matrices(found, form, looks, in_matrices), output)


def _in_matrices(found: Sequence[Derivation], form: str, looks: Mapping[str, Any], wanted: bool) -> str:
    """The results in matrix notation, to stand below their derivations, where that is wanted."""
    from tensorcalc import matrix

    if not wanted:
        return ""
    write = matrix.latex if form == "latex" else matrix.text
    return "".join("\n" + write(d, looks["detail"], looks["adjoint"]) for d in found)


@cli.command()
@click.argument("folder", type=click.Path(file_okay=False))
@click.argument("names", nargs=-1, shell_complete=complete)
def gallery(folder: str, names: tuple[str, ...]) -> None:
    """Write a page for every derivation of the library, or for those named, and one that leads to them."""
    from tensorcalc.terminal import build_gallery

    summaries = build_gallery(Path(folder), names)
    if not all(summary.passed for summary in summaries):
        raise Exit(FAILED)


@cli.command()
@with_source
@with_request
@click.option("--target", metavar="TARGET", default="numpy", show_default=True, help="numpy, torch, jax, c or triton.")
@click.option("--value-and-grad", is_flag=True, help="Compute the values as well as a gradient or VJP.")
@click.option("--plan", "planned", is_flag=True, help="Print the loops of c and triton and their cost instead.")
@OUTPUT
def codegen(
    source: str | None,
    equations: str | None,
    of: tuple[str, ...],
    wrt: tuple[str, ...],
    kind: str | None,
    target: str,
    value_and_grad: bool,
    planned: bool,
    output: str | None,
) -> None:
    """Print a program that computes the derivative: Python for an array library, or a file in C."""
    found = derivations_of(system_of(source, equations), of, wrt, kind)
    if planned:
        write("\n".join(d.plan(value_and_grad=value_and_grad) for d in found), output)
        return
    write("\n\n".join(d.code(target, value_and_grad=value_and_grad) for d in found), output)
