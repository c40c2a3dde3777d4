"""What other people write: articles in many notations, each with a verdict for every equation, and wrong ones flagged.

A line that ends with `% wrong` in a fixture has a deliberate mistake.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorcalc.verify.checker import Result, verify_document
from tensorcalc.verify.profile import from_toml
from tensorcalc.verify.sources import read_document

WRITTEN = Path(__file__).parent / "fixtures" / "written"
SHORT = {"holds": "h", "false": "F", "ill-formed": "I", "not-checkable": "n"}
EXPECTED = {
    "activations": "hhnhnhhhhhhnhhF",
    "affine": "hhhhIh",
    "attention_differentials": "hhhhhhhhF",
    "attention_heads": "hnnh",
    "attention_rows": "hhhhhhhhhF",
    "attention_shapes": "hhhhhhhhI",
    "attention_tiles": "hhhhhnhI",
    "batch_norm_algorithm": "hhhhnhhhhhF",
    "batch_norm_closed_form": "hhhhhhhhhhhhhhhhhhF",
    "binary_cross_entropy": "hhhhhhhhhF",
    "canonical_link": "hnhhhhnhF",
    "cases_in_words": "hhhhhhhhhhhF",
    "chain_rule": "hhhhhhhhhF",
    "contrastive": "hhhhF",
    "convolution": "hhhhF",
    "convolution_images": "hhhhhhF",
    "convolution_layers": "hhhhF",
    "counts": "hnnhhhhF",
    "denominator_layout": "hhhhh",
    "differentials": "hhhhhhhF",
    "entry_by_entry": "hhhhhhF",
    "errors_of_samples": "hhhhhI",
    "evaluated_at": "hhhhhhF",
    "expectations": "nnnhnn",
    "focal_loss": "hhhhF",
    "four_equations": "hhhhhhhhhhI",
    "gated_unit": "hhhhhhF",
    "gaussian_likelihood": "nhhhFh",
    "gaussian_vectors": "hhhhF",
    "graph_layer": "hhhhhF",
    "hessians": "hhhhhhhhF",
    "hidden_units": "hnhnnnhnnn",
    "hinge_loss": "hhn",
    "inner_products": "hhhhhhhF",
    "kalman": "hhhhF",
    "kl_divergence": "hhhhFhhh",
    "laplacian": "hhhn",
    "layer_norm_token": "hhhhhhhF",
    "layer_superscripts": "hhhhF",
    "layers": "hhhhhhnhhhhIhhhhhhh",
    "layers_in_bold": "hhhhhhI",
    "least_squares_columns": "hhhhnnhF",
    "least_squares_samples": "hnhnhhn",
    "line_through_samples": "hhhhhhF",
    "linear_recurrence": "nhnnhnn",
    "logistic_gradient": "hhhhhhhhhF",
    "logistic_likelihood": "hhhhhhhhhhhh",
    "logistic_samples": "hhhFh",
    "lstm_backward": "hhhhhhhhhhhhFhhhF",
    "lstm_concatenated": "hhhhhhhnhhF",
    "margins": "hhhF",
    "markup": "hhhhhhF",
    "matrix_factorisation": "hhhhhF",
    "matrix_gradients": "nhhhhFhhhFhhhhhhh",
    "means": "hhhFh",
    "means_by_profile": "hhhhF",
    "mistyped": "hhhnn",
    "mixture": "hhhhn",
    "mixture_responsibilities": "hhhhhF",
    "normal_cdf": "hhhhhhF",
    "normal_equations": "hhnhhnhF",
    "normal_fit": "hhhhFh",
    "numerator_layout": "hhhhI",
    "omitted_letters": "hhhhhhhF",
    "one_hot_targets": "hhhhhhF",
    "outputs_of_a_cell": "hhhhhhhhF",
    "policy_gradient": "nnhh",
    "primes": "hhhhhF",
    "principal_axes": "hhnhhF",
    "principal_direction": "hhnnF",
    "recurrent_products": "hhnnhnnnI",
    "recurrent_states": "hhhhhnnnn",
    "recurrent_steps": "hhnhFhn",
    "recurrent_sums": "hhnhnhhF",
    "ridge": "hhhhFhh",
    "ridge_in_words": "hhhhF",
    "samples_and_layers": "hhhhnhnn",
    "shapes": "hIhI",
    "shapes_in_words": "hhhnI",
    "signal_filter": "hhhF",
    "slope_and_intercept": "hhhnnhF",
    "softmax_cases": "hhhhnnnnhF",
    "softmax_classifier": "hhhhFhhhhhhhh",
    "softmax_components": "hhhF",
    "softmax_policy": "hhhnF",
    "softmax_regression": "hhhhhhh",
    "softmax_vectors": "hFhhh",
    "squared_error_vectors": "hhhhn",
    "stacked_layers": "hhnnnnnnn",
    "support_vectors": "hhhhnhF",
    "targets": "hhhn",
    "two_layers_in_bold": "hhhhhhhhI",
    "two_slips": "hhhFhF",
    "units_of_one_sample": "hnhhhhn",
    "updates": "nhhhhhnnn",
    "upper_indices": "hhhhhhhhF",
    "variational": "hhhhhhF",
    "vector_calculus": "hnnhhhnhhn",
    "word_softmax": "hhhhhF",
    "word_vectors": "nnn",
}


def verify(text: str, profile: str = "") -> Result:
    return verify_document(read_document(text, "article.md", profile=from_toml(profile) if profile else None))


def verdicts(*rows: str, profile: str = "") -> str:
    text = "\n\n".join(f"$$\n{row}\n$$" if "$" not in row else row for row in rows)
    return "".join(SHORT[f.verdict] for f in verify(text, profile).findings)


MATRIX = r"Let $A \in \mathbb{R}^{m \times n}$ and $x \in \mathbb{R}^n$."

SQUARE = r"Let $A, B \in \mathbb{R}^{n \times n}$."
SOFTMAX = r"s_i = \frac{e^{x_i}}{\sum_j e^{x_j}}"
LOSS = r"L = -\sum_i y_i \log s_i"


def test_every_article_has_its_verdicts_here() -> None:
    assert {path.stem for path in WRITTEN.glob("*.md")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_articles(name: str) -> None:
    text = (WRITTEN / f"{name}.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    findings = verify(text).findings
    assert "".join(SHORT[f.verdict] for f in findings) == EXPECTED[name], [f.to_dict() for f in findings]
    for finding in findings:
        assert not finding.flagged or "% wrong" in "".join(lines[finding.line - 1 : finding.line + 1]), (
            finding.to_dict()
        )
        assert finding.verdict != "not-checkable" or finding.reason


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # brackets that only say what a name depends on
        ((r"J(\theta) = \sum_i \theta_i^2", r"\frac{\partial J}{\partial \theta_j} = 2 \theta_j"), "hh"),
        ((r"J(\theta) = \sum_i \theta_i^2", r"\frac{\partial J}{\partial \theta_j} = \theta_j"), "hF"),
        ((r"E(w) = w^T w", r"\nabla E = 2 w"), "hh"),
        # assignments
        ((r"m := \sum_i x_i", r"\frac{\partial m}{\partial x_j} = 1"), "hh"),
        ((r"w_i \leftarrow w_i - \eta g_i",), "n"),
        # totals and their terms have the same letter
        ((r"L = \sum_i L_i", r"L_i = x_i^2", r"\frac{\partial L}{\partial x_j} = 2 x_j"), "hhh"),
        # a diagonal entry where sums are written out
        ((r"m = \sum_i x_i", r"y_i = x_i^2 + m", r"z_i = x_i^2", r"\frac{\partial z_i}{\partial x_i} = 2 x_i"), "hhhh"),
        # δ = ∂C/∂z: what nothing depends on cannot be judged, and zero is not equal to zero
        ((r"z_i = x_i^2", r"C = \sum_i x_i", r"\frac{\partial C}{\partial z_i} = x_i"), "hhn"),
        # a formula written out beside its name
        (
            (
                r"z_i = w_{ij} x_j",
                r"a_i = \tanh(w_{ij} x_j)",
                r"\frac{\partial a_i}{\partial z_k} = (1 - a_i^2) \delta_{ik}",
            ),
            "hhh",
        ),
        # functions
        ((r"\tanh'(x) = 1 - \tanh(x)^2",), "h"),
        ((r"\tanh'(x) = 1 + \tanh(x)^2",), "F"),
        ((r"y = \log(x)^2", r"y = 2 \log x"), "nh"),
        ((r"y = \operatorname{foo}(x)",), "n"),
        ((r"y = a \Phi(x)", r"y = a x"), "hF"),
        # angle brackets, words, comparisons
        ((r"f = x^T A x", r"\langle x, A x \rangle = f"), "hh"),
        ((r"f = x^T A x", r"\langle x, x \rangle = f"), "hF"),
        ((r"y_i = \max(0, x_i)", r"\frac{\partial y_i}{\partial x_j} = \mathbb{1}(x_i >= 0) \delta_{ij}"), "hh"),
        ((r"s_k = \frac12 e^{x_k}", r"s_k = 0.5 e^{x_k}"), "hh"),
        # functions of indices, and of a square
        ((r"p(a | s) = \frac{e^{w_{sa}}}{\sum_b e^{w_{sb}}}", r"\sum_a p(a | s) = 1"), "hh"),
        (
            (
                r"p(a | s) = \frac{e^{w_{sa}}}{\sum_b e^{w_{sb}}}",
                r"\frac{\partial \log p(a | s)}{\partial w_{sb}} = \delta_{ab} - p(a | s)",
            ),
            "hF",
        ),
        ((r"\mathcal{N}(x | \mu, \sigma^2) = \frac{e^{-(x - \mu)^2 / (2 \sigma^2)}}{\sqrt{2 \pi \sigma^2}}",), "h"),
        ((r"\log \mathcal{N}(x | \mu, v) = -\frac{(x - \mu)^2}{2 v} - \frac12 \log(2 \pi v)",), "h"),
        ((r"\log \mathcal{N}(x | \mu, v) = -\frac{(x - \mu)^2}{v} - \frac12 \log(2 \pi v)",), "F"),
        ((r"z = \mathcal{N}(0, I)",), "n"),
        # derivatives by log σ² and by σ²
        ((r"f = \sigma^3", r"\frac{\partial f}{\partial \sigma^2} = \frac32 \sigma"), "hh"),
        ((r"f = \sigma^3", r"\frac{\partial f}{\partial \log \sigma} = 3 f"), "hh"),
        ((r"f = \sigma^3", r"\frac{\partial f}{\partial \log \sigma} = 2 f"), "hF"),
        # primes are derivatives, never names of their own
        ((r"\Phi(x) = \sin x", r"y = \Phi x", r"\Phi'(x) = \sin x"), "hhF"),
        # symmetric where the words say so
        (("Let $A$ be symmetric.", r"f = x^T A x", r"\nabla_x f = 2 A x"), "hh"),
        ((SQUARE + " $B$ is symmetric.", "f = x^T A x + x^T B x", r"\nabla_x f = 2 A x + 2 B x"), "hF"),
        # weights that add up to one
        ((SOFTMAX, LOSS, r"\frac{\partial L}{\partial x_j} = s_j - y_j"), "hhn"),
        (("The label $y$ is one-hot.", SOFTMAX, LOSS, r"\frac{\partial L}{\partial x_j} = s_j - y_j"), "hhh"),
        ((r"Here $\sum_i y_i = 1$.", SOFTMAX, LOSS, r"\frac{\partial L}{\partial x_j} = s_j - y_j"), "hhh"),
        (("The label $y$ is one-hot.", SOFTMAX, LOSS, r"\frac{\partial L}{\partial x_j} = s_j + y_j"), "hhF"),
        # layouts: one, the other, both
        ((MATRIX, "y = A x", r"\frac{\partial y}{\partial x} = A"), "hh"),
        ((MATRIX, "y = A x", r"\frac{\partial y}{\partial x} = A^T"), "hh"),
        ((MATRIX, "y = A x", r"\frac{\partial y}{\partial x} = A", r"\frac{\partial y}{\partial x} = A^T"), "hhn"),
        ((MATRIX, "y = A x", r"\frac{\partial y}{\partial x} = 2 A"), "hF"),
        # conditions and their solutions
        ((r"f = (x - a)^2", r"\frac{\partial f}{\partial x} = 0", "x = a"), "hnh"),
        ((r"f = (x - a)^2", r"\frac{\partial f}{\partial x} = 0", "x = 2 a"), "hnn"),
        # cases in words
        (("y_i = x_i^2", "If $i = k$,", r"\frac{\partial y_i}{\partial x_k} = 2 x_k"), "hh"),
        (("y_i = x_i^2", r"\frac{\partial y_i}{\partial x_k} = 2 x_k"), "hF"),
        (("y_i = x_i^2", "If $i = k$,", r"\frac{\partial y_i}{\partial x_k} = x_k"), "hF"),
        (("y_i = x_i^2 + \\sum_j x_j", r"\frac{\partial y_i}{\partial x_k} = 1 \quad \text{if } i \neq k"), "hh"),
        (("y_i = x_i^2 + \\sum_j x_j", r"\frac{\partial y_i}{\partial x_k} = 2 \quad \text{if } i \neq k"), "hF"),
        # no claims
        ((r"w^T w = 1",), "n"),
        ((r"x_i \approx y_i",), ""),
    ],
)  # fmt: skip
def test_notation(rows: tuple[str, ...], expected: str) -> None:
    assert verdicts(*rows) == expected


STATED = r"Let $X \in \mathbb{R}^{N \times D}$ and $W \in \mathbb{R}^{D \times M}$."


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Y = X W", "h"),
        ("Y = W X", "I"),
        ("Y = X^T W", "I"),
        ("Y = X + W", "I"),
        ("Y = X^T X W", "h"),
        ("Y = X X W", "I"),
    ],
)
def test_stated_shapes_must_fit(row: str, expected: str) -> None:
    assert verdicts(f"{STATED}\n\n$$ {row} $$") == expected


def test_a_name_with_two_stated_shapes_has_none() -> None:
    again = r"Now $X \in \mathbb{R}^{D \times N}$."
    assert verdicts(f"{STATED}\n\n$$ Y = X W $$\n\n{again}\n\n$$ Z = W^T X $$") == "hh"


def test_the_profile_says_over_what_a_mean_is_taken() -> None:
    row = r"v = \mathrm{Var}[x_i]"
    assert verdicts(row) == "n"
    assert verdicts(row, r"v = \mathbb{E}[x_i^2] - \mathbb{E}[x_i]^2", profile='expectation = "i"') == "hh"
    assert verdicts(row, r"v = \mathbb{E}[x_i^2]", profile='expectation = "i"') == "hF"
