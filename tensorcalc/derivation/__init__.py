"""Derivations: which lemmas, in which order, with which steps."""

from tensorcalc.derivation.derive import derive
from tensorcalc.derivation.model import Derivation, Kind, Lemma, LemmaKind, Step
from tensorcalc.derivation.program import program_of

__all__ = ["Derivation", "Kind", "Lemma", "LemmaKind", "Step", "derive", "program_of"]
