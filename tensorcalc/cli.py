"""The command line. It finds the source, calls the library and prints; mathematics stands elsewhere.

Everything but click is imported inside the commands, so that `tensorcalc --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorcalc.errors import TensorCalcError, printable

if TYPE_CHECKING:
    from tensorcalc.api import Derivation, System
    from tensorcalc.verify.explained import Explanations

__all__ = ["cli", "main"]

NO_OPTIONS: Mapping[str, Any] = {}

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


_COLORS: Mapping[str, Mapping[str, Any]] = {
    "error[": {"fg": "red", "bold": True},
    "  -->": {"fg": "blue"},
    "   |": {"fg": "blue"},
    "  hint:": {"fg": "cyan"},
    "  instead:": {"fg": "green"},
}


def _colored(text: str) -> str:
    """A report with colours, on a terminal that shows them."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    lines = []
    for line in text.split("\n"):
        mark = next((m for m in _COLORS if line.startswith(m)), "")
        head = line.partition(":")[0] + ":" if mark == "error[" else mark
        rest = click.style(line[len(head) :], bold=True) if mark == "error[" else line[len(head) :]
        lines.append(click.style(head, **_COLORS[mark]) + rest if mark else line)
    return "\n".join(lines)


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from tensorcalc import library

    found = [CompletionItem(name) for name in library.names() if name.startswith(incomplete)]
    return [*found, CompletionItem(incomplete, type="file")]


def _decorated(function: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function


def with_source(function: Callable[..., Any]) -> Callable[..., Any]:
    """SOURCE and -e: where the equations come from."""
    source = click.argument("source", required=False, shell_complete=_complete)
    equations = click.option("-e", "equations", metavar="EQUATIONS", help="Equations, instead of SOURCE.")
    return _decorated(function, (source, equations))


def with_request(function: Callable[..., Any]) -> Callable[..., Any]:
    """--of, --wrt and --kind: what to derive."""
    return _decorated(
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
    return _decorated(
        function,
        (
            click.option("--order", type=orders, default="auto", help="What the chain rule takes first."),
            click.option("--keep", is_flag=True, help="Keep the gradients of other definitions by name in results."),
            click.option("--letters", default="", metavar="LETTERS", help="Indices of derivatives, such as 'p q'."),
        ),
    )


OUTPUT = click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of standard output.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tensorcalc")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def cli(debug: bool) -> None:
    """Derive gradients in index notation, one named rule at a time; check them; generate the code.

    SOURCE is a name of the library (`tensorcalc list`), a file (TOML, or equations alone), or - for standard input.

    Exit status: 0 fine, 1 a check failed, 2 bad input or usage, 3 nothing to check.
    """


@cli.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the derivations of the library, group by group."""
    from tensorcalc import library

    entries = library.entries()
    if as_json:
        _print_json([{"name": name, "title": e.title, "group": e.group} for name, e in entries.items()])
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
    system = _system(source, equations)
    if as_json:
        from tensorcalc import render

        _print_json(render.system_dict(system))
    else:
        click.echo(system.text(), nl=False)


FORMATS = ("text", "latex", "tex", "markdown", "html", "json")
LATEX_ONLY = "--environment, --number and --tag belong to --format latex"


def with_looks(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a derivation is written."""
    adjoints, environments = click.Choice(["partial", "bar"]), click.Choice(["aligned", "align", "gathered"])
    return _decorated(
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
    found = _derivations(_system(source, equations, written), of, wrt, kind, manner)
    if form == "text" and output is None and sys.stdout.isatty():
        from tensorcalc.terminal import print_derivation

        for d in found:
            print_derivation(d, **looks)
            click.echo(_in_matrices([d], form, looks, in_matrices), nl=in_matrices)
        return
    document = formats.written(found, form, **looks, checked=checked, latex=display)
    _print(document + _in_matrices(found, form, looks, in_matrices), output)


def _in_matrices(found: Sequence[Derivation], form: str, looks: Mapping[str, Any], wanted: bool) -> str:
    """The results in matrix notation, to stand below their derivations, where that is wanted."""
    from tensorcalc import matrix

    if not wanted:
        return ""
    write = matrix.latex if form == "latex" else matrix.text
    return "".join("\n" + write(d, looks["detail"], looks["adjoint"]) for d in found)


@cli.command()
@click.argument("folder", type=click.Path(file_okay=False))
@click.argument("names", nargs=-1, shell_complete=_complete)
def gallery(folder: str, names: tuple[str, ...]) -> None:
    """Write a page for every derivation of the library, or for those named, and one that leads to them."""
    from tensorcalc.terminal import build_gallery

    summaries = build_gallery(Path(folder), names)
    if not all(summary.passed for summary in summaries):
        raise click.exceptions.Exit(FAILED)


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
    found = _derivations(_system(source, equations), of, wrt, kind)
    if planned:
        _print("\n".join(d.plan(value_and_grad=value_and_grad) for d in found), output)
        return
    _print("\n\n".join(d.code(target, value_and_grad=value_and_grad) for d in found), output)


@cli.command()
@with_source
@with_request
@JSON
def check(
    source: str | None,
    equations: str | None,
    of: tuple[str, ...],
    wrt: tuple[str, ...],
    kind: str | None,
    as_json: bool,
) -> None:
    """Check every step and the result by number.

    Each line is evaluated on random data; the result is compared with finite differences, and with torch.
    """
    found = _derivations(_system(source, equations), of, wrt, kind)
    reports = [d.check() for d in found]
    if as_json:
        data = [{**d.to_dict(), "check": r.to_dict()} for d, r in zip(found, reports, strict=True)]
        _print_json(data[0] if len(data) == 1 else data)
    else:
        from tensorcalc.terminal import print_report

        for d, report in zip(found, reports, strict=True):
            print_report(d, report)
    if any(item for report in reports for item in report.failures):
        raise click.exceptions.Exit(FAILED)
    if not all(report.items for report in reports):
        raise click.exceptions.Exit(NOTHING_CHECKABLE)


VERDICT_FORMATS = click.Choice(["text", "json", "markdown", "sarif", "github", "html"])
EXPLAINING = ("text", "json", "markdown", "html")


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--format", "form", type=VERDICT_FORMATS, default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--profile", "profile_file", metavar="FILE", help="A TOML file about the notation, instead of front matter."
)
@click.option("--all", "everything", is_flag=True, help="Show the equations that hold or cannot be judged, too.")
@click.option("--explain", is_flag=True, help="Fill in the steps between two lines: of flagged equations, or of all.")
@click.option("--fix", is_flag=True, help="Write corrections to FILE.fixes.diff, a patch; articles stay as they are.")
@OUTPUT
def verify(
    files: tuple[str, ...],
    form: str,
    as_json: bool,
    profile_file: str | None,
    everything: bool,
    explain: bool,
    fix: bool,
    output: str | None,
) -> None:
    """Judge every displayed equation of articles by number.

    FILES are Markdown, LaTeX documents, notebooks, or - for standard input. An equation holds, is false, is ill-formed
    (indices or shapes do not fit), or cannot be checked. A comment `<!-- tensorcalc: expect-false -->` before a formula
    excuses it.
    """
    from tensorcalc import articles

    form = "json" if as_json else form
    if explain and form not in EXPLAINING:
        raise click.UsageError(f"--explain belongs to --format {', '.join(EXPLAINING)}")
    results = [articles.verify(name, profile_file) for name in files]
    steps: Explanations = {}
    if explain or fix:
        from tensorcalc import advice

        steps = advice.explanations(results) if explain else {}
        for path in advice.write_fixes(results) if fix else ():
            click.echo(f"wrote {path}", err=True)
    text = articles.report(results, form, everything=everything, explanations=steps)
    _print(_colored(text) if form == "text" and output is None else text, output)
    if any(result.flagged for result in results):
        raise click.exceptions.Exit(FAILED)
    if not any(finding.verdict == "holds" or finding.expected for result in results for finding in result.findings):
        raise click.exceptions.Exit(NOTHING_CHECKABLE)


def _system(source: str | None, equations: str | None, written: str = "text") -> System:
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


def _derivations(
    system: System, of: tuple[str, ...], wrt: tuple[str, ...], kind: Any, manner: Mapping[str, Any] = NO_OPTIONS
) -> list[Derivation]:
    """What the options ask for, or else the file."""
    if of or wrt or kind:
        return [system.derive(of, wrt, kind, **manner)]
    return system.derive_all(**manner)


def _print(text: str, output: str | None = None) -> None:
    text = text if text.endswith("\n") or not text else text + "\n"
    if output is None or output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TensorCalcError("E_FILE", f"{output} cannot be written: {error.strerror or error}") from None


def _print_json(data: object) -> None:
    import json

    _print(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False))


def main() -> None:
    """Run the command line."""
    cli()


def _sizes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """NAME=LENGTH pairs as a mapping."""
    found = {}
    for value in values:
        name, equals, length = value.partition("=")
        if not equals or not name or not (length.isascii() and length.isdigit()):
            raise click.BadParameter(f"{value} is not of the form NAME=LENGTH")
        found[name] = int(length)
    return found


@cli.command()
@with_source
@with_request
@click.option("--size", "sizes", multiple=True, metavar="NAME=LENGTH", callback=_sizes, help="Length of a dimension.")
@click.option("--dtype", default="float32", show_default=True, help="float32 or float64.")
@click.option("--target", "targets", multiple=True, metavar="TARGET", help="numpy, torch, jax or c; all by default.")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="PEER",
    help="torch.autograd, torch.autograd.warm, torch.compile or jax.vjp; all by default.",
)
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(2), help="How often each is timed.")
@click.option("--together", is_flag=True, help="Time all in one process instead of one for each.")
@click.option("--plot", metavar="FILE", help="Draw the times into an SVG file.")
@JSON
def bench(
    source: str | None,
    equations: str | None,
    of: tuple[str, ...],
    wrt: tuple[str, ...],
    kind: str | None,
    sizes: dict[str, int],
    dtype: str,
    targets: tuple[str, ...],
    peers: tuple[str, ...],
    rounds: int,
    together: bool,
    plot: str | None,
    as_json: bool,
) -> None:
    """Time the generated code beside the frameworks' own derivatives of the same definitions.

    Gradients and VJPs; dimensions are 256 long where no --size says otherwise. Results are compared before they are
    timed; times are medians over rounds in which all take turns, with quartiles. The bound is the time of a copy of
    the arguments and results, or of a product of matrices with as many operations, whichever is longer.
    """
    from tensorcalc.bench import PEERS, TARGETS, benchmark, chart

    found = [
        d for d in _derivations(_system(source, equations), of, wrt, kind) if kind or d.kind in ("gradient", "vjp")
    ]
    options: Any = {"sizes": sizes, "dtype": dtype, "rounds": rounds, "apart": not together}
    options |= {"targets": targets or TARGETS, "peers": peers or PEERS}
    results = [benchmark(d, **options) for d in found]
    if plot is not None:
        _print(chart(results), plot)
    if as_json:
        data = [r.to_dict() for r in results]
        _print_json(data[0] if len(data) == 1 else data)
    else:
        from tensorcalc.terminal import print_benchmark

        for result in results:
            print_benchmark(result)
    if not all(result.passed for result in results):
        raise click.exceptions.Exit(FAILED)
    if not results:
        raise click.exceptions.Exit(NOTHING_CHECKABLE)
