"""What the names of an article are: which letters are indices, which names are functions, matrices, pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tensorcalc.greek import GREEK
from tensorcalc.verify.profile import Profile
from tensorcalc.verify.survey import Survey

__all__ = ["Names", "is_loss", "names_of"]

_LAYERED = re.compile(r"\^(?:l|L|ell)(?:[+-]\d+)?$")
LOSSES = frozenset(("L", "J", "E", "C", "l", "ell", "loss", "f", "F", "Loss", "cost", "Cost", "error", "Error"))
MATRICES = frozenset("WUVQKXA")  # with a label, as in W_1 or W_f, and without indices


@dataclass(slots=True)
class Names:
    """Decisions about names. `pairs` maps a name to the one it is another spelling of (X to x, \\hat{b} to b).

    `orders` has the number of axes of each name where that is known; `shapes` the symbols of dimensions that the
    article states; `loss` is the scalar whose derivative by X is written dX, where that is clear; `stacked` are
    vectors x_n of which a matrix X is made; `laws` tells that ∂u has a value, because u depends on something;
    `columns` are matrices of one column, which are read as vectors; `members` are vectors x_i with a number; `tabled`
    are names that a table of symbols says to be tensors.
    """

    survey: Survey
    profile: Profile
    pairs: Mapping[str, str] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loss: str = ""
    stacked: frozenset[str] = frozenset()
    laws: bool = False
    columns: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    tabled: frozenset[str] = frozenset()

    def of(self, key: str) -> str:
        """The name that a spelling stands for."""
        return self.pairs.get(key, key)

    def is_index(self, letter: str, style: str) -> bool:
        """Whether a letter in a subscript is an index."""
        if letter in self.profile.indices or (letter in self.profile.dimensions and letter not in self.profile.labels):
            return True
        if (
            letter in self.profile.labels
            or (len(letter.rstrip("'")) > 1 and not _is_greek(letter))
            or style in ("text", "bold", "mathrm")
        ):
            return False
        if letter[:1].isupper():
            return letter in self.survey.summed
        if letter in self.survey.summed:
            return True
        if letter in self.survey.bound:
            return True
        return not self._names_value(letter)

    def _names_value(self, letter: str) -> bool:
        """Whether a letter names a value more than an index: W_f beside f_t, not x_{bh} beside a bias b."""
        values = self.survey.values[letter]
        if not values:
            return False
        return self.survey.scripts[letter] <= 4 * values

    def of_sample(self, key: str) -> bool:
        """Whether a name, perhaps one with a layer, has the number of a sample above it."""
        return re.split(r"\^", key)[0] in self.survey.sampled

    def is_identity(self, key: str) -> bool:
        """Whether I is the identity matrix: nothing else is called so, and the article has vectors or matrices."""
        if self.order("I") == 2:
            return True
        survey = self.survey
        other = survey.left[key] or survey.arities.get(key) or survey.variables[key]
        size = key in survey.extents | survey.sizes | survey.lengths or key in self.profile.dimensions.values()
        vectors = any(k.startswith("bold:") for k in survey.values if k != "bold:1")
        return not other and not size and bool(survey.transposed or self.shapes or vectors)

    def is_gate(self, key: str) -> bool:
        """Whether the letters below a bold matrix name vectors that it goes between, as in W_{hx} beside h and x."""
        letters = self.survey.letters.get(key, Counter())
        named = any(self.survey.values[f"bold:{x}"] for x in letters)
        return named and key.startswith("bold:") and key[5:6].isupper() and not self.survey.bound.intersection(letters)

    def has_matrices(self) -> bool:
        """Whether weights stand in matrix notation: W x or W_f x rather than w_{ij} x_j."""
        survey = self.survey
        shown = [k for k in "WUV" if k in survey.values]
        return any(all(self._names_value(x) for x in survey.letters.get(k, ())) for k in shown)

    def is_function(self, key: str) -> bool:
        """Whether `key(…)` is a call."""
        if key in self.tabled and key not in self.survey.functions:
            return key in self.profile.functions
        return key in self.profile.functions or self.survey.is_function(key)

    def order(self, key: str) -> int:
        """The number of axes of a name; 0 where nothing shows any."""
        name = self.of(key)
        if name in self.orders:
            return self.orders[name]
        if name in self.survey.totals:
            return 0
        arities = self.survey.arities.get(name, Counter())
        if name.startswith("bold:"):
            return self._bold(name, arities)
        if name in self.survey.sampled:  # x^{(i)} is a vector where x_j^{(i)} is an entry of it
            return max(arities, default=0)
        return max(arities, key=lambda n: (arities[n], n), default=0)

    def settled_order(self, key: str, other: int) -> bool:
        """Whether a name has so often the same number of indices that another number is a mistake."""
        arities = self.survey.arities.get(key, Counter())
        return bool(arities) and max(arities.values()) >= 3 * max(arities[other], 1)

    def labelled_order(self, key: str, letter: str) -> int:
        """The number of axes of a name with a label, such as W_1, h_{t-1}: that of the same letter with another label,
        or two for the letters of matrices.
        """
        if key in self.orders:
            return self.orders[key]
        if key in self.survey.arities:
            return max(self.survey.arities[key])
        if key.endswith("'") and (arities := self.survey.arities.get(key.rstrip("'"))):
            return max(arities)
        stem = re.split(r"[_^]", key)[0]
        stepped = re.sub(r"[+-]\d+$", "", key)
        for other, order in self.orders.items():
            if other != key and re.sub(r"[+-]\d+$", "", other) == stepped:
                return order
        if _LAYERED.search(key) and (arities := self.survey.arities.get(stem)):
            return max(arities, key=lambda n: (arities[n], n))
        if stem.startswith("bold:"):
            return 2 if letter[:1].isupper() else 1
        return 2 if letter in MATRICES and stem not in self.survey.extents | self.survey.divisors else 0

    def _bold(self, name: str, arities: Counter[int]) -> int:
        own = 2 if name.removeprefix("bold:")[:1].isupper() else 1
        return own + max(arities, default=0)


def _is_greek(letter: str) -> bool:
    return letter in GREEK or letter == "ell"


def names_of(found: Survey, profile: Profile, shapes: Mapping[str, tuple[str, ...]]) -> Names:
    """The decisions about the names of an article."""
    found.totals |= {k for k in found.extents if found.arities.get(k)}  # N_k beside N = \\sum_k N_k
    names = Names(found, profile, _pairs(found, profile))
    names.loss = _loss(found)
    names.stacked = frozenset(v for k, v in names.pairs.items() if k.startswith("bold:") and v.startswith("bold:"))
    for key, stated in shapes.items():
        column = len(stated) == 2 and stated[1] == "1" and 2 not in found.arities.get(names.of(key), {})
        names.columns |= {names.of(key)} if column else set()
        shape = stated[:1] if column else stated
        names.shapes[names.of(key)] = shape
        names.orders[names.of(key)] = len(shape)
    for key in found.values:
        if _is_matrix(key, found) and names.of(key) not in names.orders and not found.arities.get(names.of(key)):
            names.orders[names.of(key)] = 2
    for key in found.transposed:
        name = names.of(key)
        if name not in names.orders and not found.arities.get(name) and not name.startswith("bold:"):
            names.orders[name] = 1
    return names


def is_loss(key: str) -> bool:
    """Whether a name is one that people give to a loss."""
    return key.rsplit(":", 1)[-1] in LOSSES


def _loss(found: Survey) -> str:
    """The scalar whose derivative by X is written dX: the only one that is differentiated, or L."""
    candidates = [k for k in found.numerators if not found.arities.get(k) and is_loss(k)]
    if len(candidates) == 1 and candidates[0] in found.graded and f"d({candidates[0]})" not in found.values:
        return candidates[0]
    if any(f"d({key})" in found.values for key in found.numerators):
        return ""  # differentials on both sides
    return candidates[0] if len(candidates) == 1 else "L" if not candidates and "d(L)" not in found.values else ""


def _is_matrix(key: str, found: Survey) -> bool:
    """Whether a bare capital letter is a matrix: it is transposed, has its entries taken, or is differentiated by."""
    plain = key.rsplit(":", 1)[-1]
    if not plain[:1].isupper() or key.startswith("bold:") or len(plain) > 1:
        return False
    if key in found.extents:
        return False
    return key in found.transposed or key in found.bracketed or key in found.variables


def _pairs(found: Survey, profile: Profile) -> dict[str, str]:
    """Names that are spelled in two ways: a matrix X and its entries x_{ij}, a vector \\hat{b} and its entries b_i."""
    pairs: dict[str, str] = {}
    for key in found.values:
        plain = key.rsplit(":", 1)[-1]
        own = max(found.arities.get(key, {0: 1}))
        for sign in ("hat", "vec"):
            inner = key.removeprefix(f"{sign}(").removesuffix(")")
            if inner != key and not own and found.arities.get(inner) and profile.symbols.get(sign) != "name":
                pairs[key] = inner
        if "(" in key or (len(plain) > 1 and not _is_greek(plain) and not plain[0].isupper()):
            continue
        small = f"bold:{_lower(plain)}"
        if key == f"bold:{plain}" and plain[:1].isupper() and not own and found.arities.get(small):
            pairs[key] = small
        elif key.startswith("bold:"):
            same = [k for k in (plain, plain.lower(), _lower(plain)) if max(found.arities.get(k, {0: 1})) > own]
            if same:
                pairs[key] = same[0]
        elif plain[0].isupper() and key not in found.extents:
            several = max(found.arities.get(_lower(plain), {0: 1})) >= own + 2
            used = key in found.transposed or key in found.bracketed or key in found.variables or found.left[key]
            scalar = plain in LOSSES and found.numerators[key]
            if several and not scalar and (used or (key not in found.divisors and len(plain) == 1)):
                pairs[key] = _lower(plain)
    return pairs | _accented_pairs(found, pairs) | _numbered_pairs(found)


def _accented_pairs(found: Survey, pairs: Mapping[str, str]) -> dict[str, str]:
    """\\dot{X} for the matrix of \\dot{x}_{ij}, where X is that of x_{ij}."""
    accented: dict[str, str] = {}
    for key in found.values:
        accent, _, inner = key.removesuffix(")").partition("(")
        if inner in pairs and found.arities.get(entries := f"{accent}({pairs[inner]})"):
            accented[key] = entries
    return accented


def _numbered_pairs(found: Survey) -> dict[str, str]:
    """Z_1 and \\mathbf{z}_1 for tensors whose entries are z^{(1)}_{ij} and z^{(1)}_i; the same under an accent."""
    pairs: dict[str, str] = {}
    for key in found.indexed:
        stem, _, number = key.partition("^")
        if number:
            accents, _, plain = stem.rpartition("(")
            capital = plain[0].upper() + plain[1:]
            spelled = [plain, capital, f"bold:{plain}"] if accents else [capital, f"bold:{plain}"]
            wholes = [f"{accents}({w}" if accents else w for w in spelled if w != stem]
            pairs |= {f"{whole}_{number}": key for whole in wholes if whole not in found.indexed}
    return pairs


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
