"""The library: every derivation has a source, derives, prints and passes its check, and agrees with PyTorch."""

from __future__ import annotations

import pytest

import tensorcalc as tc
from tensorcalc import library

NAMES = library.names()


def derivations(name: str) -> list[tc.Derivation]:
    """Everything that a file asks for."""
    return tc.load(name).derive_all()


def test_the_library_is_large() -> None:
    assert len(NAMES) >= 75


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_what_it_is(name: str) -> None:
    entry = library.read(library.find(name))
    assert entry.title
    assert entry.group
    assert entry.requests
    assert len(entry.origin) > 20
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert not entry.note or entry.note.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_derivation_prints_and_passes_its_check(name: str) -> None:
    for derivation in derivations(name):
        assert derivation.text()
        assert derivation.latex()
        report = derivation.check()
        assert report.passed, [item for item in report.items if not item.passed]
        assert {"finite differences", "torch"} & set(report.witnesses)
