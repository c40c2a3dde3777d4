"""A syntax tree as a term: scripts become indices, brackets calls or products, matrices entries.

Every value has named letters (its indices) and up to two axes without a name where it is written as a vector or a
matrix; those get fresh letters too, so that a matrix product is a sum like any other. The reader is a tower: `context`
knows the article, `places` what scripts select, `algebra` how vectors and matrices combine, `entries` what names with
scripts are worth, `functions` and `operators` what is applied, and `reader` ties the knot.
"""

from __future__ import annotations

from tensorcalc.verify.reading.functions import ELEMENTWISE, MEANS
from tensorcalc.verify.reading.reader import Reader
from tensorcalc.verify.reading.values import Definition, FunctionDefinition, Val, number, unbound

__all__ = ["ELEMENTWISE", "MEANS", "Definition", "FunctionDefinition", "Reader", "Val", "number", "unbound"]
