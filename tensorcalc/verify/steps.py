"""Layers and steps of time: what is defined for l holds for l + 1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from tensorcalc.verify.chains import Claim
from tensorcalc.verify.model import Model
from tensorcalc.verify.reading import Definition
from tensorcalc.verify.terms import Derived, Entry, LabelAt, Place, Term, tensors_of

__all__ = ["repeat_steps", "step_of"]

FARTHEST = 3  # layers or steps from the one that is defined
_STEP = re.compile(r"(?P<stem>.+[_^](?:l|t|n|k|L|ell))(?P<shift>[+-]\d+)")
_STEPPED = re.compile(r".+[_^](?:l|t|n|k|L|ell)")


def repeat_steps(model: Model, claims: Sequence[Claim]) -> None:
    """What is defined for a layer l or a step t holds for l + 1 too, where that is used."""
    used = {n for c in claims for v in (c.reference, c.value) if v is not None for n in tensors_of(v.term)}
    waiting = sorted(used, reverse=True)
    while waiting:
        name = waiting.pop()
        stem, shift = step_of(name)
        definition = model.definitions.get(stem)
        if not 0 < shift <= FARTHEST or definition is None or name in model.definitions:
            continue
        body = _shifted(definition.body, shift)
        letters = tuple(_moved_letter(x, shift) for x in definition.letters)
        if model.define(Definition(name, letters, body, definition.span)):
            waiting += sorted(tensors_of(body), reverse=True)


def step_of(name: str) -> tuple[str, int]:
    """A name of another layer or step, as the one it is counted from, and how far from it."""
    match = _STEP.fullmatch(name)
    return (match["stem"], int(match["shift"])) if match else (name, 0)


def _moved_letter(letter: str, shift: int) -> str:
    return f"{letter}~{shift}"


def _shifted(term: Term, shift: int) -> Term:
    """The term with the tensors of all steps moved on, and with letters of its own: layers have their own sizes."""

    def moved(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(moved(p) for p in part)
        if isinstance(part, str) and ("@" in part or "~" in part):
            return _moved_letter(part, shift)
        if not isinstance(part, Term | Place | LabelAt):
            return part
        changed = {f.name: moved(getattr(part, f.name)) for f in fields(part)}
        if isinstance(part, Entry | Derived):
            stem, own = step_of(part.name)
            if _STEPPED.fullmatch(stem):
                total = own + shift
                changed["name"] = stem + (f"{total:+d}" if total else "")
        return type(part)(**changed)

    return moved(term)
