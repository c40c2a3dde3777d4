"""Greek letters and the words for them: `sigma` is σ."""

from __future__ import annotations

import unicodedata

__all__ = ["GREEK"]

_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi
omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""


def _letter(name: str) -> str:
    kind = "CAPITAL" if name[0].isupper() else "SMALL"
    spelled = "LAMDA" if name.lower() == "lambda" else name.upper()
    return unicodedata.lookup(f"GREEK {kind} LETTER {spelled}")


GREEK = {name: _letter(name) for name in _NAMES.split()}
"""The letter for each word."""
