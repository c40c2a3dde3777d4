"""The compiled function as its caller meets it: arguments, names, errors, dtypes, `out`, source."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tensorcalc as tc
from tensorcalc.binding import Contraction
from tensorcalc.codegen import Function, compile_program
from tensorcalc.derivation.program import program_of
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component, Exp, delta
from tensorcalc.index import Dimension, Index, Tensor
from tensorcalc.system import Definition, Program

torch = pytest.importorskip("torch")
TARGETS = ("numpy", "torch")

CE = "s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j])); c[n] = -log(s[n,T[n]])"


def forward(text: str, *outputs: str, target: str = "numpy", many: bool = False) -> Function:
    """The function that computes definitions of a system."""
    system = tc.parse(text)
    wanted = tuple(system.tensors[name] for name in outputs)
    return compile_program(Program(system.inputs, system.ordered, wanted, many=many), target)


def gradient(text: str, of: str, wrt: str, kind: str = "gradient", target: str = "numpy") -> Function:
    return compile_program(program_of(tc.parse(text).derive(of, wrt=wrt.split(), kind=kind)), target)


def array(target: str, values: Any, dtype: str = "float64") -> Any:
    found = np.asarray(values, dtype=dtype)
    return torch.as_tensor(found) if target == "torch" else found


@pytest.mark.parametrize("target", TARGETS)
def test_golden_source(golden: Callable[[str, str], None], target: str) -> None:
    for name, text, of, wrt, kind in (
        ("cross_entropy", CE, "c", "x", "vjp"),
        ("linear", "y[n,o] = sum(i, x[n,i]*W[o,i]) + 1[n]*b[o]", "y", "x W b", "vjp"),
        ("embedding", "y[t,d] = E[X[t],d]", "y", "E", "vjp"),
        ("softmax_jacobian", "s[i] = exp(x[i])/sum(j, exp(x[j]))", "s", "x", "jacobian"),
    ):
        golden(f"codegen_{name}_{target}.txt", gradient(text, of, wrt, kind, target).source)


@pytest.mark.parametrize("target", TARGETS)
def test_source_is_a_file_that_ends_in_the_function(target: str) -> None:
    tree = ast.parse(gradient(CE, "c", "x", "vjp", target).source)
    *others, function = tree.body
    helpers = [node.name for node in others if not isinstance(node, ast.Import | ast.ImportFrom)]
    assert helpers == (["alone"] if target == "torch" else [])
    assert isinstance(function, ast.FunctionDef)
    assert "d_x[" in (ast.get_docstring(function) or "")


def test_import_without_libraries() -> None:
    code = "import sys, tensorcalc.codegen; sys.exit('torch' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NAMES = (
    *("lambda", "in", "None", "True", "def", "class", "is", "np", "torch", "math", "jax", "jnp", "self", "f", "F", "x"),
    *(
        "out",
        "I",
        "E",
        "S",
        "N",
        "O",
        "Q",
        "C",
        "pi_",
        "beta",
        "gamma",
        "zeta",
        "range",
        "tuple",
        "len",
        "max",
        "print",
    ),
    *("at", "t", "peak", "softmax", "inside", "compute", "compute_r", "dtype", "device", "float", "int"),
)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_names(name: str, target: str) -> None:

    dimension = Dimension("N")
    i, j = Index("i", dimension), Index("j", dimension)
    given, result, label = Tensor(name, (dimension,)), Tensor("r", (dimension,)), Tensor("T", (), dimension)
    x = Component(given, i)
    rhs = Exp(x) / Contraction(Exp(Component(given, j)), j) - delta(i, Component(label))
    function = compile_program(Program((given, label), (Definition(result, (i,), rhs),), (result,)), target)
    values = np.array([0.5, -1.0, 2.0])
    expected = np.exp(values) / np.exp(values).sum() - np.array([0, 1, 0])
    for found in (function(**{name: array(target, values), "T": 1}), function(array(target, values), 1)):
        np.testing.assert_allclose(np.asarray(found), expected)
    output = compile_program(Program((result,), (Definition(given, (i,), 2 * Component(result, i)),), (given,)), target)
    np.testing.assert_allclose(np.asarray(output(r=array(target, values))), 2 * values)


def test_greek_names_are_spelled_out() -> None:
    dimension = Dimension("N")
    i = Index("i", dimension)
    given, result = Tensor("θ", (dimension,)), Tensor("σ", (dimension,))
    function = compile_program(
        Program((given,), (Definition(result, (i,), 2 * Component(given, i)),), (result,)), "numpy"
    )
    assert "def compute_sigma(theta" in function.source
    np.testing.assert_allclose(function(θ=[1.0, 2.0]), [2, 4])
    np.testing.assert_allclose(function(theta=[1.0, 2.0]), [2, 4])


def test_names_that_are_code_are_refused() -> None:

    for name in ('x"); import os; os.system("id', "a b", "", "x.y", "1x", "с", "x\n"):
        with pytest.raises(TensorCalcError) as caught:
            compile_program(Program((Tensor(name),), (), (Tensor(name),)), "numpy")
        assert caught.value.code == "E_NAME"


def test_titles_are_text() -> None:

    function = forward("r = 2*x", "r")
    title = 'a """ b \\ \x00 \n    import os'
    source = compile_program(replace(function.program, title=title), "numpy").source
    assert len(ast.parse(source).body) == 2
    assert compile_program(replace(function.program, title=title), "numpy")(x=2.0) == 4


X = np.arange(12.0).reshape(4, 3)
LABELS = np.array([0, 2, 1, 1])
ERRORS: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing": ({"x": X, "d_c": X[:, 0]}, "E_ARGUMENTS", "missing argument T"),
    "unknown": ({"x": X, "T": LABELS, "y": X}, "E_ARGUMENTS", "unknown argument y"),
    "did you mean": ({"x": X, "T": LABELS, "d_cc": X}, "E_ARGUMENTS", "did you mean d_c?"),
    "order": ({"x": X[0], "T": LABELS, "d_c": X[:, 0]}, "E_SHAPE", "x has 1 axis (shape (3,)), 2 axes expected"),
    "scalar": ({"x": X, "T": 1, "d_c": X[:, 0]}, "E_SHAPE", "T has no axes (shape ()), 1 axis expected"),
    "shape": (
        {"x": X, "T": LABELS, "d_c": X[:3, 0]},
        "E_SHAPE",
        "axis 0 of d_c has length 3, and dimension N has size 4",
    ),
    "label too large": (
        {"x": X, "T": np.array([0, 1, 3, 9]), "d_c": X[:, 0]},
        "E_INDEX_RANGE",
        "label T[2] = 3 lies outside dimension I of size 3",
    ),
    "label negative": ({"x": X, "T": np.array([0, -1, 1, 1]), "d_c": X[:, 0]}, "E_INDEX_RANGE", "T[1] = -1"),
    "label float": ({"x": X, "T": LABELS * 1.0, "d_c": X[:, 0]}, "E_TYPE", "labels T must be integers, not"),
    "label bool": ({"x": X, "T": LABELS > 1, "d_c": X[:, 0]}, "E_TYPE", "labels T must be integers, not"),
    "complex": ({"x": X * 1j, "T": LABELS, "d_c": X[:, 0]}, "E_TYPE", "x must be real numbers, not"),
    "text": ({"x": [["a"]], "T": LABELS, "d_c": X[:, 0]}, "E_TYPE", "x "),
    "ragged": ({"x": [[1.0], [1.0, 2.0]], "T": LABELS, "d_c": X[:, 0]}, "E_TYPE", "x cannot be made"),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, target: str) -> None:
    arguments, code, message = ERRORS[name]
    if target == "torch":
        arguments = {k: torch.as_tensor(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    function = gradient(CE, "c", "x", "vjp", target)
    with pytest.raises(TensorCalcError) as caught:
        function(**arguments)
    assert caught.value.code == code
    assert message in str(caught.value)


def test_positional_errors() -> None:
    function = gradient(CE, "c", "x", "vjp")
    with pytest.raises(TensorCalcError, match="4 arguments given, 3 expected"):
        function(X, LABELS, X[:, 0], X)
    with pytest.raises(TensorCalcError, match="x is given twice"):
        function(X, LABELS, x=X)


@pytest.mark.parametrize(("target", "hint"), [("nump", "did you mean numpy?"), ("fortran", "the targets are")])
def test_unknown_targets(target: str, hint: str) -> None:
    with pytest.raises(TensorCalcError) as caught:
        compile_program(forward("r = 2*x", "r").program, target)
    assert caught.value.code == "E_TARGET"
    assert hint in caught.value.hint


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TensorCalcError) as caught:
        forward("r = 2*x", "r", target="torch")
    assert caught.value.code == "E_TARGET"
    assert 'pip install "tensorcalc[torch]"' in caught.value.hint


@pytest.mark.parametrize("target", TARGETS)
def test_sizes_by_keyword(target: str) -> None:
    function = forward("index i: N, j: N; r[i] = 1[i]*a/sum(j, 1[j])", "r", target=target)
    found = np.asarray(function(a=6.0, N=3))
    np.testing.assert_allclose(found, [2, 2, 2])
    for arguments, code in (({}, "E_UNKNOWN_SIZE"), ({"N": 1.5}, "E_TYPE"), ({"N": -1}, "E_SHAPE")):
        with pytest.raises(TensorCalcError) as caught:
            function(a=6.0, **arguments)
        assert caught.value.code == code
    shown = forward("index i: N; r[i] = x[i]*a", "r", target=target)
    with pytest.raises(TensorCalcError, match="unknown argument N"):
        shown(x=[1.0, 2.0], a=1.0, N=2)


@pytest.mark.parametrize("target", TARGETS)
def test_integers_out_of_range(target: str) -> None:
    function = forward("r = 2*x[3]", "r", target=target)
    assert float(function(x=[1.0, 2.0, 3.0, 4.0])) == 8
    with pytest.raises(TensorCalcError) as caught:
        function(x=[1.0, 2.0, 3.0])
    assert caught.value.code == "E_INDEX_RANGE"
    assert "x[3]" in str(caught.value)


@pytest.mark.parametrize("target", TARGETS)
def test_singular_matrices(target: str) -> None:
    function = forward("r[i,j] = inv(A)[i,j]", "r", target=target)
    with pytest.raises(TensorCalcError) as caught:
        function(A=array(target, [[1, 2], [2, 4]]))
    assert caught.value.code == "E_ARGUMENTS"
    assert "singular" in str(caught.value)
    logarithm = forward("r = logdet(A)", "r", target=target)
    assert np.isnan(float(logarithm(A=array(target, [[0, 1], [1, 0]]))))


def test_dtypes_of_numpy() -> None:
    function = forward("index i: N, j: N; r[i] = x[i]/sqrt(2*sum(j, 1[j])) + a*y[i] - 1[i]*3/2", "r")
    x32, x64 = np.ones(3, "float32"), np.ones(3)
    table = (
        ((x32, 1.0, x32), "float32"),
        ((x32, 2, x32), "float32"),
        ((x32, np.float32(1), x32), "float32"),
        ((x32, 1.0, x64), "float64"),
        ((x32.astype("float16"), 1.0, x32.astype("float16")), "float16"),
        ((np.ones(3, int), 1, np.ones(3, int)), "float64"),
        ((np.ones(3, int), 1, x32), "float64"),
        (([1, 2, 3], 1, [1.0, 2.0, 3.0]), "float64"),
        (([1, 2, 3], 1, [1, 2, 3]), "float64"),
        ((np.ones(3, bool), 1, x32), "float32"),
    )
    for (x, a, y), dtype in table:
        assert function(x=x, a=a, y=y).dtype == dtype


def test_dtypes_of_torch() -> None:
    function = forward("index i: N, j: N; r[i] = x[i]/sqrt(2*sum(j, 1[j])) + a*y[i] - 1[i]*3/2", "r", target="torch")
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.ones(3, dtype=dtype)
        for other in (1.0, 2, torch.tensor(1.0, dtype=dtype)):
            assert function(x=x, a=other, y=x).dtype == dtype
    assert function(x=torch.ones(3, dtype=torch.int64), a=1, y=torch.ones(3)).dtype == torch.float32
    assert function(x=[1, 2], a=1, y=[1, 2]).dtype == torch.get_default_dtype()


@pytest.mark.parametrize("target", TARGETS)
def test_results_without_numbers_among_the_arguments(target: str) -> None:
    function = forward("index i: 3, j: 3; D[i,j] = delta(i,j)/2 + 1[j]*delta(i,T); k = 1/3", "D", "k", target=target)
    matrix, number = function(T=1)
    np.testing.assert_allclose(np.asarray(matrix), [[0.5, 0, 0], [1, 1.5, 1], [0, 0, 0.5]])
    assert number.shape == () and float(number) == pytest.approx(1 / 3)


@pytest.mark.parametrize("target", TARGETS)
def test_many_outputs_into_arrays(target: str) -> None:
    function = gradient("y[n,o] = sum(i, x[n,i]*W[o,i]) + 1[n]*b[o]", "y", "x W b", "vjp", target)
    random = np.random.default_rng(0)
    arguments = {
        "x": array(target, random.normal(size=(4, 3))),
        "W": array(target, random.normal(size=(2, 3))),
        "b": array(target, random.normal(size=2)),
        "d_y": array(target, random.normal(size=(4, 2))),
    }
    results = function(**arguments)
    assert isinstance(results, tuple) and len(results) == 3
    outs = tuple(r * 0 for r in results)
    assert all(a is b for a, b in zip(function(**arguments, out=outs), outs, strict=True))
    for out, result in zip(outs, results, strict=True):
        np.testing.assert_array_equal(np.asarray(out), np.asarray(result))
    for wrong in (outs[0], outs[:2], (outs[0], outs[1], outs[0])):
        with pytest.raises(TensorCalcError):
            function(**arguments, out=wrong)


@pytest.mark.parametrize("target", TARGETS)
def test_into_an_argument(target: str) -> None:
    """`out` may be an argument, or share its memory, and the result is still right."""
    function = gradient(CE, "c", "x", "vjp", target)
    x, g = array(target, np.random.default_rng(0).normal(size=(4, 3))), array(target, np.arange(4.0))
    labels = array(target, LABELS, "int64")
    expected = np.asarray(function(x=x, T=labels, d_c=g))
    assert function(x=x, T=labels, d_c=g, out=x) is x
    np.testing.assert_allclose(np.asarray(x), expected)
    swap = forward("a[i,j] = B[j,i] + B[i,i]*1[j]", "a", target=target)
    matrix = array(target, np.arange(9.0).reshape(3, 3))
    expected = np.asarray(swap(B=matrix))
    swap(B=matrix, out=matrix)
    np.testing.assert_allclose(np.asarray(matrix), expected)


@pytest.mark.parametrize("target", TARGETS)
def test_wrong_out(target: str) -> None:
    function = forward("r[i] = 2*x[i]", "r", target=target)
    x = array(target, [1.0, 2.0])
    table = ((array(target, [0.0] * 3), "E_SHAPE"), (array(target, [0, 0], "int64"), "E_TYPE"), ([0.0, 0.0], "E_TYPE"))
    for out, code in table:
        with pytest.raises(TensorCalcError) as caught:
            function(x=x, out=out)
        assert caught.value.code == code
    single = array(target, [0.0, 0.0], "float32")
    assert function(x=x, out=single) is single
    np.testing.assert_allclose(np.asarray(single), [2, 4])


@pytest.mark.parametrize("target", TARGETS)
def test_outputs_that_are_arguments(target: str) -> None:
    function = forward("r[i] = 2*x[i]", "x", "r", "x", target=target)
    x = array(target, [1.0, 2.0])
    first, double, again = function(x=x)
    first += 1
    assert np.asarray(x).tolist() == [1, 2] == np.asarray(again).tolist()
    assert np.asarray(double).tolist() == [2, 4]
    outs = tuple(x * 0 for _ in range(3))
    function(x=x, out=outs)
    assert [np.asarray(o).tolist() for o in outs] == [[1, 2], [2, 4], [1, 2]]


def test_many() -> None:
    assert isinstance(forward("r = 2*x", "r", many=True)(x=1.0), tuple)
    out = np.zeros(())
    assert forward("r = 2*x", "r", many=True)(x=1.0, out=(out,)) == (out,)
    assert out == 2


@pytest.mark.parametrize("target", TARGETS)
def test_empty_arrays(target: str) -> None:
    function = gradient(CE, "c", "x", "vjp", target)
    found = function(x=array(target, np.zeros((0, 3))), T=array(target, [], "int64"), d_c=array(target, []))
    assert tuple(found.shape) == (0, 3)
    softmax = forward("s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))", "s", target=target)
    assert tuple(softmax(x=array(target, np.zeros((3, 0)))).shape) == (3, 0)


@pytest.mark.parametrize("target", TARGETS)
def test_strided_arguments(target: str) -> None:
    function = gradient(CE, "c", "x", "vjp", target)
    x = np.random.default_rng(0).normal(size=(6, 8))
    plain = function(
        x=array(target, x[::2, 1::2].copy()), T=array(target, [0, 1, 2], "int64"), d_c=array(target, [1.0] * 3)
    )
    strided = array(target, x)[::2, 1::2]
    found = function(x=strided, T=array(target, [0, 1, 2], "int64"), d_c=array(target, [1.0] * 3))
    np.testing.assert_allclose(np.asarray(found), np.asarray(plain))


@pytest.mark.parametrize("target", TARGETS)
def test_rows_without_any_finite_logit(target: str) -> None:
    """A row of −∞ gives what torch.softmax gives, and says nothing; a logsumexp is −∞ there."""
    x = array(target, [[-np.inf, -np.inf], [0.0, 0.0], [np.nan, 0.0], [np.inf, 0.0]])
    softmax = forward("s[n,i] = exp(x[n,i])/sum(j, exp(x[n,j]))", "s", target=target)
    total = forward("z[n] = log(sum(j, exp(x[n,j])))", "z", target=target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s, z = softmax(x=x), total(x=x)
    reference = torch.as_tensor(np.asarray(x))
    np.testing.assert_array_equal(np.asarray(s), torch.softmax(reference, 1).numpy())
    np.testing.assert_allclose(np.asarray(z), torch.logsumexp(reference, 1).numpy())


def test_tracebacks_show_the_generated_line() -> None:
    function = forward("r[i] = 2*x[i]", "r")
    try:
        function._function([1.0], None)
    except TypeError:
        assert "def compute_r" in traceback.format_exc() or "compute_r" in traceback.format_exc()
    try:
        function._function(None)
    except (TypeError, AttributeError):
        assert "np.multiply" in traceback.format_exc()


def test_torch_results_can_be_differentiated() -> None:
    function = gradient(CE, "c", "x", "vjp", "torch")
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    g = torch.randn(4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 2, 1, 1])
    assert torch.autograd.gradcheck(lambda x, g: function(x=x, T=labels, d_c=g), (x, g))
    plain = gradient("s[i] = exp(x[i])/sum(j, exp(x[j])); c = -log(s[T])", "c", "x", "gradient", "torch")
    assert torch.autograd.gradcheck(lambda x: plain(x=x, T=1), (x[0].detach().requires_grad_(),))


def test_article_check() -> None:
    """The article's own check: 128 rows of 256 classes in float32 with an upstream gradient."""
    function = gradient(CE, "c", "x", "vjp", "torch")
    x = torch.randn(128, 256, requires_grad=True)
    labels = torch.randint(0, 256, (128,))
    upstream = torch.randn(128)
    torch.nn.functional.cross_entropy(x, labels, reduction="none").backward(upstream)
    torch.testing.assert_close(function(x=x.detach(), T=labels, d_c=upstream), x.grad)
    exact = gradient(CE, "c", "x", "vjp", "numpy")
    double = x.detach().double().requires_grad_()
    torch.nn.functional.cross_entropy(double, labels, reduction="none").backward(upstream.double())
    found = exact(x=double.detach().numpy(), T=labels.numpy(), d_c=upstream.double().numpy())
    np.testing.assert_allclose(found, double.grad.numpy(), atol=1e-12)


def test_no_needless_copies() -> None:
    """The gradient of the batched cross-entropy needs one array of the size of x, and none with `out`."""
    source = gradient(CE, "c", "x", "vjp").source
    body = source.split('"""')[-1]
    assert body.count("np.subtract(") == 1
    assert "one_hot" not in source and "eye" not in source and ".copy()" not in body


def test_a_hessian_by_several_inputs_is_a_tuple_of_tuples() -> None:
    hessian = tc.parse("c = sum(i, x[i]^2*a*y[i])").derive("c", ["x", "a"], "hessian").lambdify("numpy")
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    (xx, xa), (ax, aa) = hessian(x=x, a=0.5, y=y)
    assert np.allclose(xx, np.diag(y))
    assert np.allclose(xa, 2 * x * y)
    assert np.allclose(ax, xa)
    assert aa == 0


@pytest.mark.parametrize("target", TARGETS)
def test_calls_like_earlier_ones_are_checked_and_converted_alike(target: str) -> None:
    f = gradient("s[i] = exp(a*x[i])/sum(j, exp(a*x[j])); c = -w[T]*log(s[T])", "c", "x a", target=target)
    x, w = array(target, [1.0, 2.0, -1.0], "float32"), array(target, [1, 2, 3], "int64")
    calls: tuple[dict[str, Any], ...] = (
        {"a": 2.0, "x": x, "w": w, "T": 1},
        {"a": 3, "x": x, "w": array(target, [1, 2, 3]), "T": array(target, 2, "int64")},
        {"a": array(target, 0.5, "float32"), "x": x * 2, "w": w, "T": 0},
    )
    for arguments in calls:
        fresh = compile_program(f.program, target)(**arguments)
        for _ in range(2):
            again = f(**arguments)
            assert all(a.dtype == b.dtype for a, b in zip(again, fresh, strict=True))
            assert all(bool((a == b).all()) for a, b in zip(again, fresh, strict=True))
        for wrong in (-1, 3):
            label = wrong if isinstance(arguments["T"], int) else array(target, wrong, "int64")
            with pytest.raises(TensorCalcError, match="lies outside") as caught:
                f(**{**arguments, "T": label})
            assert caught.value.code == "E_INDEX_RANGE"
    with pytest.raises(TensorCalcError, match=r"real numbers|made"):
        f(**{**calls[0], "a": "two"})


@pytest.mark.parametrize("target", TARGETS)
def test_compiled_functions_can_be_pickled(target: str) -> None:
    function = tc.parse("y[n] = x[n,T[n]]^2").derive("y", wrt="x", kind="vjp").lambdify(target)
    arguments = {"x": array(target, X), "T": array(target, LABELS, "int64"), "d_y": array(target, X[:, 0])}
    again = pickle.loads(pickle.dumps(function))
    assert again.source == function.source
    np.testing.assert_array_equal(np.asarray(again(**arguments)), np.asarray(function(**arguments)))
    hessian = tc.parse("c = sum(n, x[n]^4)").derive("c", wrt="x", kind="hessian").lambdify(target, factored=True)
    assert pickle.loads(pickle.dumps(hessian)).source == hessian.source


def test_tensors_on_two_devices_are_named() -> None:
    function = tc.parse("y[n] = sum(i, W[n,i]*x[i])").derive("y", wrt="x", kind="vjp").lambdify("torch")
    with pytest.raises(TensorCalcError, match="W is on meta and d_y on cpu") as error:
        function(W=torch.ones(3, 2, device="meta"), d_y=torch.ones(3), x=torch.ones(2))
    assert error.value.code == "E_TYPE"


def test_a_weighted_symmetric_product_is_one_matrix_times_itself() -> None:
    text = "z[n] = X[n,i]*w[i]; c = sum(n, log(1 + exp(-y[n]*z[n])))"
    rng = np.random.default_rng(3)
    X, w, y = rng.normal(size=(13, 5)), rng.normal(size=5), np.sign(rng.normal(size=13))
    logistic = tc.parse(text).derive("c", "w", "hessian").lambdify("numpy")
    assert "np.sqrt(" in logistic.source
    share = 1 / (1 + np.exp(y * (X @ w)))
    wanted = np.einsum("n,np,nq->pq", share * (1 - share), X, X)
    found = logistic(X=X, w=w, y=y)
    np.testing.assert_allclose(found, wanted, atol=1e-13)
    assert np.array_equal(found, found.T)
    into = np.full((5, 5), np.nan, np.float32)
    np.testing.assert_allclose(logistic(X=X, w=w, y=y, out=into), wanted, atol=1e-6)
    X[2, 3] = np.nan
    assert np.isnan(logistic(X=X, w=w, y=y)).all()


@pytest.mark.parametrize(
    ("weight", "rooted"),
    [
        ("a[n]^2", True),
        ("exp(a[n])/sigmoid(b[n])", True),
        ("(1 - sigmoid(a[n]))*abs(b[n])", True),
        ("sqrt(a[n]^2 + 2)", True),
        ("a[n]", False),
        ("(1 - exp(a[n]))", False),
        ("a[n]^3", False),
        ("-1*a[n]^2", True),
    ],
)
def test_roots_are_taken_of_what_is_never_negative(weight: str, rooted: bool) -> None:
    function = forward(f"S[p,q] = sum(n, {weight}*X[n,p]*X[n,q])", "S")
    assert ("np.sqrt(" in function.source.replace("np.sqrt(a ** 2 + 2)", "")) == rooted
    rng = np.random.default_rng(4)
    given = {"a": rng.normal(size=7), "b": rng.normal(size=7), "X": rng.normal(size=(7, 3))}
    given = {name: given[name] for name in function.arguments}
    plain = forward(f"S[p,q] = sum(n, {weight}*X[n,p]*Y[n,q])", "S")
    assert "np.sqrt(" not in plain.source.replace("np.sqrt(a ** 2 + 2)", "")
    np.testing.assert_allclose(function(**given), plain(**given, Y=given["X"]), atol=1e-12)


def test_sums_of_many_narrow_numbers_do_not_stop_growing() -> None:
    ones = np.ones((5000, 3), np.float16)
    function = forward("s[i] = sum(n, x[n,i])", "s")
    assert function(x=ones).dtype == np.float16
    np.testing.assert_array_equal(function(x=ones), np.full(3, 5000))
    np.testing.assert_array_equal(function(x=ones), np.full(3, 5000))  # as a call like an earlier one
    out = np.empty(3, np.float16)
    assert function(x=ones, out=out) is out
    np.testing.assert_array_equal(out, np.full(3, 5000))
    norm = "index b: B, h: H; r[b] = sqrt(1/H*sum(h, x[b,h]^2) + eps); y[b,h] = x[b,h]/r[b]*g[h]"
    backward = tc.parse(norm).derive("y", ["x", "g"], "vjp").lambdify("numpy")
    given = {"x": ones, "eps": 1e-5, "g": np.ones(3, np.float16), "d_y": ones}
    d_x, d_g = backward(**given)
    assert (d_x.dtype, d_g.dtype) == (np.float16, np.float16)
    np.testing.assert_allclose(d_g, 5000, rtol=1e-3)
