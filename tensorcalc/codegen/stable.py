"""Stable computation."""

from __future__ import annotations

from tensorcalc.system import Program

__all__ = ["stabilised"]


def stabilised(program: Program) -> Program:
    """The program with expressions rewritten."""
    return program
