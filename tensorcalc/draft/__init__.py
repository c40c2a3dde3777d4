"""Derivations by hand: an author takes the steps, each by a named rule or with a reason that is checked by number."""

from tensorcalc.draft.draft import Draft

__all__ = ["Draft"]
