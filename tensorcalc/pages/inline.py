"""Formulas within a line of prose, in LaTeX: derivatives with a slash."""

from __future__ import annotations

from tensorcalc.render import layout as at
from tensorcalc.render.latex import Latex
from tensorcalc.render.layout import Node
from tensorcalc.render.notation import Level, Printed

__all__ = ["inline_latex"]


class _Inline(Latex):
    """`\\partial l/\\partial x`."""

    def derivative(self, node: at.Derivative) -> Printed:
        sign = r"\mathrm{d}" if node.total else r"\partial"
        order = "" if len(node.denominators) == 1 else f"^{{{len(node.denominators)}}}"
        below = r"\,".join(f"{sign} {self.text(d)}" for d in node.denominators)
        return f"{sign}{order} {self.text(node.numerator)}/{below}", Level.FRACTION


_INLINE = _Inline()


def inline_latex(node: Node) -> str:
    """A formula in LaTeX, without delimiters."""
    return _INLINE.text(node)
