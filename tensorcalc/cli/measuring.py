"""The command that measures: generated code beside the frameworks' own derivatives."""

from __future__ import annotations

from typing import Any

import click
from click.exceptions import Exit

from tensorcalc.cli.options import (
    JSON,
    complete,
    derivations_of,
    system_of,
    with_equations,
    with_request,
    write,
    write_json,
)
from tensorcalc.cli.running import FAILED, NOTHING_CHECKABLE, cli

__all__ = ["bench"]


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
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", shell_complete=complete)
@with_equations
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
    sources: tuple[str, ...],
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

    Gradients and VJPs of every SOURCE; dimensions are 256 long where no --size says otherwise. Results are compared
    before they are timed; times are medians over rounds in which all take turns, with quartiles. The bound is the time
    of a copy of the arguments and results, or of a product of matrices with as many operations, whichever is longer.
    """
    from tensorcalc.bench import PEERS, TARGETS, Benchmark, benchmark, chart, lengths_for

    systems = [system_of(source, equations) for source in sources or (None,)]
    derived = [d for system in systems for d in derivations_of(system, of, wrt, kind)]
    found = [d for d in derived if kind or d.kind in ("gradient", "vjp")]
    options: Any = {"dtype": dtype, "rounds": rounds, "apart": not together}
    options |= {"targets": targets or TARGETS, "peers": peers or PEERS}
    results: list[Benchmark] = []
    for derivation, lengths in zip(found, lengths_for(found, sizes), strict=True):
        results.append(benchmark(derivation, sizes=lengths, **options))
        if not as_json:
            from tensorcalc.terminal import print_benchmark

            print_benchmark(results[-1])
    if plot is not None:
        write(chart(results), plot)
    if as_json:
        data = [result.to_dict() for result in results]
        write_json(data[0] if len(data) == 1 else data)
    if not all(result.passed for result in results):
        raise Exit(FAILED)
    if not results:
        raise Exit(NOTHING_CHECKABLE)
