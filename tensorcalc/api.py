"""What Python users hold: systems that can be derived, derivations that can be shown, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, Unpack, cast, overload

import numpy.typing as npt
from sympy import Expr

from tensorcalc import articles, derivation, draft, frameworks, library, matrix, notation, pages, render
from tensorcalc import system as core
from tensorcalc.check import Report, check
from tensorcalc.codegen import Function, compile_program, program_plan, program_source
from tensorcalc.construction import equations
from tensorcalc.derivation import ChainOrder, Kind, Manner, Step
from tensorcalc.derivation.factored import factored_program
from tensorcalc.draft.state import Start
from tensorcalc.errors import Source, TensorCalcError
from tensorcalc.factored import FactoredFunction
from tensorcalc.library import Entry, Request
from tensorcalc.pages import notebook

__all__ = ["Derivation", "Draft", "System", "define", "load", "parse", "parse_latex", "system_of"]

Names = str | Sequence[str]


@dataclass(frozen=True)
class System(core.System):
    """A system of definitions. `title`, `origin` (where the function is defined), `group`, `remark` and `requests` are
    those of the derivation file it was read from.
    """

    title: str = ""
    requests: tuple[Request, ...] = ()
    origin: str = ""
    group: str = ""
    remark: str = ""

    def derive(
        self,
        of: Names = (),
        wrt: Names = (),
        kind: Kind | None = None,
        *,
        order: ChainOrder = "auto",
        substitute: bool = True,
        letters: Names = (),
    ) -> Derivation:
        """Derive `of` with respect to `wrt`.

        `kind` is gradient (of a scalar), jacobian (axes of the output, then of the input), vjp (an upstream gradient
        `d_<output>` is an argument), jvp (a tangent `v_<input>` is), hessian or hvp. Without `of`, the last definition
        is derived; without `wrt`, by every input that is no label; without `kind`, the gradient of a scalar and the VJP
        of anything else.

        `order` is that of the chain rule in gradients and VJPs: `jacobians` takes whole Jacobians first, `adjoints`
        goes back from the output step by step, `auto` decides by length and order. Without `substitute`, results stay
        in terms of the gradients (or tangents) of other definitions. `letters` are preferred for the indices of
        derivatives, the n of ∂/∂x_n: a string of names with blanks between them, or a sequence.

        Raises `TensorCalcError` E_UNKNOWN_NAME, E_KIND, E_OPTION, E_NAME or E_UNSUPPORTED.
        """
        of = of or self.definitions[-1].name
        wrt = wrt or tuple(t.name for t in self.inputs if not t.is_label)
        known = {d.name: d.tensor for d in self.definitions}
        tensor = known.get(of if isinstance(of, str) else of[0])
        scalar = tensor is not None and not tensor.order and (isinstance(of, str) or len(of) == 1)
        manner = Manner(order, substitute, tuple(letters.split() if isinstance(letters, str) else letters))
        found = derivation.derive(self, of, wrt, kind or ("gradient" if scalar else "vjp"), manner)
        if self.remark:
            found = replace(found, notes=(*found.notes, self.remark.rstrip(".")))
        return Derivation.wrap(found, self.title, self.origin)

    def draft(self, of: str, wrt: str, by: Start = "formula") -> Draft:
        """A derivation of ∂of/∂wrt by hand: the author names the rules, `Draft` says how.

        Raises `TensorCalcError` E_UNKNOWN_NAME, E_KIND or E_OPTION.
        """
        return Draft(self, of, wrt, by)

    def derive_all(self, **manner: Any) -> list[Derivation]:
        """What the derivation file asks for, or the default derivation; in the `manner` of the options of `derive`."""
        requests = self.requests or (Request(),)
        found = [self.derive(r.of, r.wrt, cast("Kind | None", r.kind or None), **manner) for r in requests]
        return derivation.with_losses_apart(found)

    def wrap(
        self, of: Names = (), wrt: Names = (), framework: str = "torch", form: str = "function"
    ) -> frameworks.Wrapped:
        """`of` as a function of the inputs that a framework differentiates with the generated derivatives.

        The function takes the inputs by name or in the order of `inputs` and returns an array, or a tuple where `of`
        is a sequence. Inputs outside `wrt` are held constant; without `wrt`, only labels are. Without `of`, the last
        definition is wrapped.

        | framework | form | is | for |
        |---|---|---|---|
        | torch | function | `torch.autograd.Function` | backward and forward mode of any order, `torch.func`, `vmap` |
        | torch | operator | `torch.library.custom_op` | `torch.compile(fullgraph=True)`, `torch.export`, reverse mode |
        | torch | triton | `torch.autograd.Function` | the same on a GPU by generated kernels, without `vmap` |
        | jax | function | `jax.custom_jvp` | forward and reverse mode of any order, `jit`, `vmap` |
        | jax | operator | `jax.custom_vjp` | reverse mode by the generated VJP, `jit`, `vmap` |

        Shapes and labels are checked as by `lambdify`; inside a transformation (`vmap`, `jit`), where labels have no
        values, those are not. Assumptions about variables are not used: they need not hold for derivatives.

        Raises `TensorCalcError` E_UNKNOWN_NAME, E_TARGET or E_UNSUPPORTED.
        """
        return frameworks.wrap(self, of or self.definitions[-1].name, wrt, framework, form)

    def matrix(self) -> tuple[matrix.MatrixForm | None, ...]:
        """The definitions in matrix notation; `None` for each that has no such form."""
        return matrix.definition_forms(self)

    def text(self) -> str:
        """What was understood, in the notation itself, with every sum explicit."""
        return render.system_text(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return notebook.system_html(self, self.title)

    def _repr_latex_(self) -> str:
        return notebook.system_latex(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self._repr_html_(), "text/latex": self._repr_latex_()}


@dataclass(frozen=True)
class Derivation(derivation.Derivation):
    """A finished derivation: lemmas of steps, and the results."""

    @classmethod
    def wrap(cls, found: derivation.Derivation, title: str = "", origin: str = "") -> Self:
        """The same derivation with the methods of this class."""
        values = {f.name: getattr(found, f.name) for f in fields(derivation.Derivation)}
        return cls(**{**values, "title": title or found.title, "origin": origin or found.origin})

    @property
    def result(self) -> Expr | tuple[Expr, ...]:
        """The derivative as a SymPy expression; a tuple in the order of `wrt` where there are several."""
        results = tuple(right for _, right in self.results)
        return results[0] if len(results) == 1 else results

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step of every lemma, in reading order."""
        return tuple(step for lemma in self.lemmas for step in lemma.steps)

    def text(
        self,
        style: render.Style = "einstein",
        detail: render.Detail = "all",
        adjoint: render.AdjointNotation = "partial",
        width: int = 120,
    ) -> str:
        """The derivation as Unicode text for a terminal, on rows of up to `width` columns.

        In every format, `style` is einstein (sums implied by repeated indices) or sigma (every sum written), `detail`
        is all, key (the first and last line of each lemma) or result, and `adjoint` writes upstream gradients as
        ∂l/∂x (partial) or as x with a bar (bar).
        """
        return render.text(self, style, detail, adjoint, width)

    def latex(
        self,
        style: render.Style = "einstein",
        detail: render.Detail = "all",
        adjoint: render.AdjointNotation = "partial",
        *,
        environment: render.Environment = "",
        number: bool = False,
        tag: bool = False,
    ) -> str:
        """The derivation as LaTeX mathematics alone (amsmath, KaTeX): one display for each lemma.

        `environment` is aligned, align or gathered; `number` numbers the equations, `tag` sets the names of rules as
        tags (in align). Raises `TensorCalcError` E_OPTION where these contradict each other.
        """
        return render.latex(self, style, detail, adjoint, render.Form(environment, number, tag))

    def markdown(self, *, check: bool = True, **options: Unpack[pages.Choices]) -> str:
        """The derivation as an article in Markdown, for GitHub, MyST, Quarto and Jekyll.

        An article tells what the function is, derives lemma by lemma with a sentence before each, and shows the result,
        the code and, unless `check` is false, what checking it found. `options` are `style`, `detail` and `adjoint` as
        in `text`, and `targets`, the libraries to show code for.
        """
        return pages.markdown(self._article(check, options))

    def tex(self, *, check: bool = True, **options: Unpack[pages.Choices]) -> str:
        """The article as a LaTeX document for pdflatex; options as in `markdown`."""
        return pages.tex(self._article(check, options))

    def html(self, *, check: bool = True, **options: Unpack[pages.Choices]) -> str:
        """The article as one HTML page that needs nothing else; options as in `markdown`.

        The page holds the whole derivation and can be folded; `detail` says how it opens.
        """
        detail = options.get("detail", "all")
        return pages.html(self._article(check, {**options, "detail": "all"}), detail)

    def _article(self, check: bool, options: pages.Choices) -> pages.Page:
        return pages.article([self], [self.check()] if check else [], pages.Options(**options))

    def to_dict(
        self,
        style: render.Style = "einstein",
        detail: render.Detail = "all",
        adjoint: render.AdjointNotation = "partial",
    ) -> dict[str, Any]:
        """The derivation as plain data; `tensorcalc.render.to_dict` says which."""
        return render.to_dict(self, style, detail, adjoint)

    def matrix(self, adjoint: render.AdjointNotation = "partial") -> tuple[matrix.MatrixForm | None, ...]:
        """The results in matrix notation, such as X^T ∂l/∂Y; `None` where there is no such form.

        A result that has one is a scalar, a vector or a matrix; results of higher order whose factors share their
        leading indices have one for each slice. `latex()`, `text()` and `plain` give the formula for articles, for a
        terminal and for NumPy. Each was expanded into indices again and compared with the result.
        `adjoint` as in `text`.
        """
        return matrix.matrix_forms(self, adjoint)

    def check(self, values: Mapping[str, npt.ArrayLike] | None = None) -> Report:
        """Evaluate every step, and the results against independent witnesses, on random data.

        `values` gives inputs by name instead. Raises `TensorCalcError` where they do not fit.
        """
        return check(self, values=values)

    @overload
    def lambdify(
        self,
        target: str = "numpy",
        *,
        factored: Literal[False] = False,
        value_and_grad: bool = False,
        exact: bool = False,
        threads: int | None = None,
    ) -> Function: ...

    @overload
    def lambdify(self, target: str = "numpy", *, factored: Literal[True]) -> FactoredFunction: ...

    def lambdify(
        self,
        target: str = "numpy",
        *,
        factored: bool = False,
        value_and_grad: bool = False,
        exact: bool = False,
        threads: int | None = None,
    ) -> Function | FactoredFunction:
        """The derivative as a function of arrays by name (`numpy`, `torch`, `jax`, `c`, `triton`), with its `source`.

        With `factored`, a Jacobian or Hessian is returned by its factors (`tensorcalc.factored.Factored`): δ between
        axes and outer products are kept, and nothing of the full size is made. With `value_and_grad`, a gradient or VJP
        comes after the values of what is derived, in one tuple: (c, d_x) for the gradient of c by x.

        The target `c` is compiled by the system's C compiler when it is first called. Its vectorised exp, log, tanh,
        sigmoid and erf are within 1 to 3 units in the last place; `exact` takes the C library's instead. `threads` is
        the number of threads, by default OMP_NUM_THREADS or all processors of the process.

        The target `triton` takes tensors on a CUDA device, or on the CPU where TRITON_INTERPRET=1 was set before Python
        started. Sums and functions are computed in float32, results have the dtype of the arguments with axes.

        Raises `TensorCalcError` E_TARGET for an unknown target or one whose library or compiler is not installed,
        E_KIND for factors of anything but a Jacobian or Hessian and for values with anything but a gradient or VJP,
        E_OPTION for options of another target.
        """
        if target != "c" and (exact or threads is not None):
            raise TensorCalcError("E_OPTION", f"exact and threads belong to the target c, not to {target}")
        if threads is not None and threads < 1:
            raise TensorCalcError("E_OPTION", f"threads = {threads} is no number of threads")
        if factored:
            if value_and_grad:
                raise TensorCalcError("E_OPTION", "factored and value_and_grad exclude each other")
            program, layouts = factored_program(self)
            return FactoredFunction(compile_program(program, target, exact=exact, threads=threads), layouts)
        return compile_program(self._program(value_and_grad), target, exact=exact, threads=threads)

    def code(self, target: str = "numpy", *, value_and_grad: bool = False) -> str:
        """The source of the function that `lambdify` gives. For `c` no compiler is needed, for `triton` no library."""
        return program_source(self._program(value_and_grad), target)

    def plan(self, *, value_and_grad: bool = False) -> str:
        """How `c` and `triton` compute: loops and passes, bytes read and written, operations, the bound they imply."""
        return program_plan(self._program(value_and_grad))

    def _program(self, value_and_grad: bool) -> core.Program:
        """What is compiled: the derivative, after the values of what is derived where those are wanted too."""
        program = derivation.program_of(self)
        if not value_and_grad:
            return program
        if self.kind not in ("gradient", "vjp"):
            raise TensorCalcError("E_KIND", f"value_and_grad belongs to a gradient or a VJP, not to a {self.kind}")
        return replace(program, outputs=(*self.of, *program.outputs), title=f"value and {program.title}")

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return notebook.derivation_html(self)

    def _repr_latex_(self) -> str:
        return notebook.derivation_latex(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self._repr_html_(), "text/latex": self._repr_latex_()}


class Draft(draft.Draft):
    """A derivation that an author takes by hand, step by step."""

    def derivation(self) -> Derivation:
        """The finished derivation, as from `derive`: its result is the last lemma.

        Raises `TensorCalcError` E_STEP where a derivative is left in the line.
        """
        return Derivation.wrap(super().derivation(), getattr(self.system, "title", ""))


def parse(text: str, name: str = "<input>") -> System:
    """Read a system in text notation.

    Raises `TensorCalcError` with a code, a place and a hint for anything that is not understood.
    """
    return system_of(Entry("", "", Source(text, name), ()))


def parse_latex(text: str, name: str = "<latex>") -> System:
    """Read the definitions of a LaTeX text: one formula, or an article in Markdown or LaTeX.

    Names keep their letters (`\\hat{x}` is `hat_x`).
    Raises `TensorCalcError` as `parse` does, with the place in `text`.
    """
    written = articles.system_text(text, name)
    try:
        return parse(written.text, name)
    except TensorCalcError as problem:
        raise written.located(problem, Source(text, name)) from None


def define(definitions: Mapping[Expr, Expr] | Iterable[tuple[Expr, Expr]]) -> System:
    """The system of definitions built in Python, `{s[i]: …, c: …}`: the same as from its equations as text.

    Every sum is explicit (`tc.sum`). Raises `TensorCalcError` as `parse` does.
    """
    return parse(equations(definitions), "<python>")


def load(name_or_path: str) -> System:
    """Read a system from the library by name, or from a file (TOML, or equations alone).

    Raises `TensorCalcError`, E_FILE where there is no such file or it has another form.
    """
    return system_of(library.read(library.find(str(name_or_path))))


def system_of(entry: Entry) -> System:
    """The system of a derivation file."""
    source = entry.equations
    try:
        found = notation.parse_text(source.text, source.name)
    except TensorCalcError as error:
        error.source = source  # the same text, with the line at which it stands in its file
        raise
    values = {f.name: getattr(found, f.name) for f in fields(core.System)}
    return System(
        **{**values, "source": source},
        title=entry.title,
        requests=entry.requests,
        origin=entry.origin,
        group=entry.group,
        remark=entry.note,
    )
