"""The readers of the notation: a text becomes a system of definitions, with every sum explicit."""

from tensorcalc.notation.reader import parse_text
from tensorcalc.notation.vocabulary import check_name

__all__ = ["check_name", "parse_text"]
