"""Derivations: which lemmas, in which order, with which steps."""

from tensorcalc.derivation.derive import derive, with_losses_apart
from tensorcalc.derivation.model import ChainOrder, Derivation, Kind, Lemma, LemmaKind, Manner, Step
from tensorcalc.derivation.program import program_of

__all__ = [
    "ChainOrder",
    "Derivation",
    "Kind",
    "Lemma",
    "LemmaKind",
    "Manner",
    "Step",
    "derive",
    "program_of",
    "with_losses_apart",
]
