"""Commands that judge: derivations by number, and the equations of articles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.exceptions import Exit

from tensorcalc.cli.options import (
    JSON,
    OUTPUT,
    derivations_of,
    system_of,
    with_request,
    with_source,
    write,
    write_json,
)
from tensorcalc.cli.running import FAILED, NOTHING_CHECKABLE, cli, colored

if TYPE_CHECKING:
    from tensorcalc.verify.explained import Explanations

__all__ = ["check", "verify"]


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
    found = derivations_of(system_of(source, equations), of, wrt, kind)
    reports = [d.check() for d in found]
    if as_json:
        data = [{**d.to_dict(), "check": r.to_dict()} for d, r in zip(found, reports, strict=True)]
        write_json(data[0] if len(data) == 1 else data)
    else:
        from tensorcalc.terminal import print_report

        for d, report in zip(found, reports, strict=True):
            print_report(d, report)
    if any(item for report in reports for item in report.failures):
        raise Exit(FAILED)
    if not all(report.items for report in reports):
        raise Exit(NOTHING_CHECKABLE)


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
    write(colored(text) if form == "text" and output is None else text, output)
    if any(result.flagged for result in results):
        raise Exit(FAILED)
    if not any(finding.verdict == "holds" or finding.expected for result in results for finding in result.findings):
        raise Exit(NOTHING_CHECKABLE)
