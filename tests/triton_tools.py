"""Kernels in Triton for the tests: compiled for a card without one, and run with blocks so small that many are used."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tensorcalc.codegen.kernels.triton.source import write_source
from tensorcalc.system import Program

__all__ = ["SMALL", "compiled_for_a_card", "needs_interpreter", "needs_triton", "with_blocks"]

FOUND = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not FOUND, reason="triton is not installed: run .ci/triton")
needs_interpreter = pytest.mark.skipif(
    not FOUND or os.environ.get("TRITON_INTERPRET") != "1",
    reason="needs triton and TRITON_INTERPRET=1 from the start of Python: run .ci/triton",
)

SMALL = {"LIMIT": 16, "LONG": 8, "TILE": 16, "FLAT": 32, "PARTS": 3, "LOCAL": 300, "LEAST": 2}
"""Limits with which rows of more than 16 entries are read in blocks, and everything takes several programs."""


def with_blocks(function: Any, **settings: int) -> Iterator[None]:
    """The same function first with its own sizes of blocks, then with those of `settings`."""
    module = function.unchecked.__globals__
    own = {name: module[name] for name in settings}
    try:
        yield
        module.update(settings)
        yield
    finally:
        module.update(own)


def compiled_for_a_card(
    program: Program, kind: str = "fp32", width: int = 64, rows: int = 2, aligned: bool = False
) -> list[tuple[str, str]]:
    """The PTX of every kernel of a program, for arguments of one type; no card is needed for that.

    Where they are `aligned`, addresses and sizes are multiples of 16.
    """
    import triton.language as tl  # noqa: PLC0415
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.compiler import ASTSource, compile  # noqa: PLC0415

    from tensorcalc.codegen.kernels.triton.function import module_of  # noqa: PLC0415

    source = write_source(program)
    module = module_of(source.text)
    real = "fp64" if kind == "fp64" else "fp32"
    found = []
    for code in source.kernels:
        function = getattr(module, code.name)
        tensors = [*code.reads, *code.writes]
        types = ["*i64" if t.is_label else f"*{kind}" for t in tensors] + [f"*{real}"] * len(code.parts)
        types += ["i32"] * (len(code.arguments) - len(types))
        signature = dict(zip(code.arguments, types, strict=True))
        constants = {"REAL": tl.float64 if kind == "fp64" else tl.float32}
        constants |= {n: rows if n == "ROWS" else width for n in function.arg_names if n not in signature | constants}
        signature |= dict.fromkeys(constants, "constexpr")
        places = {(function.arg_names.index(name),): value for name, value in constants.items()}
        plain = [(p,) for p in range(len(code.arguments))] if aligned else []
        attributes = {place: [["tt.divisibility", 16]] for place in plain}
        done = compile(
            ASTSource(function, signature, places, attributes), GPUTarget("cuda", 90, 32), {"enable_fp_fusion": True}
        )
        found.append((code.name, done.asm["ptx"]))
    return found
