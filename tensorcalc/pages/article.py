"""The article of a derivation: the function, the derivation lemma by lemma, the result, the code, the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict

from tensorcalc.binding import Contraction
from tensorcalc.budget import bounded
from tensorcalc.check import Report
from tensorcalc.codegen import compile_program
from tensorcalc.derivation import program_of
from tensorcalc.derivation.model import Derivation, Lemma
from tensorcalc.errors import TensorCalcError
from tensorcalc.expr import Component
from tensorcalc.index import Adjoint, Tensor
from tensorcalc.matrix import fits, latex_rows, matrix_forms
from tensorcalc.pages.checks import check_section
from tensorcalc.pages.function import function_section
from tensorcalc.pages.model import Chain, Code, Laws, MatrixForm, Page, Paragraph, Part, Result, Section, Text
from tensorcalc.pages.opening import opening, task
from tensorcalc.pages.story import Group, Story, groups
from tensorcalc.pages.words import capital, linked, listed, say
from tensorcalc.render import AdjointNotation, Block, Detail, Style, blocks
from tensorcalc.render.context import Context
from tensorcalc.render.environments import LATEX
from tensorcalc.render.walk import tensor_layout

__all__ = ["Choices", "Options", "article"]

LANGUAGES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}


@dataclass(frozen=True, slots=True)
class Options:
    """How an article is written: the notation, how much of the derivation, and for which libraries there is code."""

    style: Style = "einstein"
    detail: Detail = "all"
    adjoint: AdjointNotation = "partial"
    targets: tuple[str, ...] = ("numpy", "torch")


class Choices(TypedDict, total=False):
    """`Options` by name."""

    style: Style
    detail: Detail
    adjoint: AdjointNotation
    targets: tuple[str, ...]


@bounded
def article(
    derivations: Sequence[Derivation],
    reports: Sequence[Report] = (),
    options: Options | None = None,
) -> Page:
    """The article about derivations of one system.

    `reports` are what checking them found, in their order; without, the article does not speak of checks. What has no
    code is said in the article.
    """
    return _Writer(tuple(derivations), options or Options()).page(reports)


WITHOUT_INDICES = "Without indices, with a capital letter for each matrix and a bold one for each vector:"


@dataclass(frozen=True, slots=True)
class _Writer:
    derivations: tuple[Derivation, ...]
    options: Options
    printed: dict[tuple[int, Detail], tuple[Block, ...]] = field(default_factory=dict)

    def page(self, reports: Sequence[Report]) -> Page:
        first = self.derivations[0]
        brief = self.options.detail == "result"
        blocks_of_all = (b for d in self.derivations for b in self.blocks(d, "all") if b.kind == "definition")
        quoted = {b.lhs.tensor: b for b in blocks_of_all}
        ordered = [quoted[d.tensor] for d in first.system.definitions if d.tensor in quoted]
        sections = [function_section(self.derivations, ordered, self.context(first))]
        sections += [] if brief else self.derived()
        sections.append(self.results())
        shown = () if brief else self.derivations
        in_matrices = [form for d in shown for form in matrix_forms(d, self.options.adjoint) if form and fits(form)]
        if in_matrices:
            parts = [MatrixForm(tuple(latex_rows(form))) for form in in_matrices]
            sections.append(Section(("In matrix notation",), (Paragraph((WITHOUT_INDICES,)), *parts)))
        sections.append(self.code())
        if reports:
            sections.append(check_section(reports))
        sections += self.notes()
        sections += [] if brief else self.laws()
        return Page(self.title(), tuple(self.introduction()), tuple(sections))

    def context(self, derivation: Derivation) -> Context:
        return Context.of(derivation, self.options.style, self.options.adjoint)

    def blocks(self, derivation: Derivation, detail: Detail) -> tuple[Block, ...]:
        """The lines of a derivation, laid out once."""
        key = id(derivation), detail
        if key not in self.printed:
            self.printed[key] = blocks(derivation, self.options.style, detail, self.options.adjoint)
        return self.printed[key]

    def task(self, derivation: Derivation, article: str = "the") -> Text:
        return task(derivation, self.context(derivation), article)

    def title(self) -> str:
        first = self.derivations[0]
        return first.title or f"Derivatives of {', '.join(t.name for t in first.of)}"

    def introduction(self) -> list[Part]:
        origin = self.derivations[0].origin.rstrip(".")
        tasks = listed([self.task(d) for d in self.derivations])
        found: list[Part] = [
            Paragraph(say("We derive {tasks}, in index notation. The reason stands beside each line.", tasks=tasks))
        ]
        if origin:
            found.append(Paragraph(say("The function is defined in: {origin}.", origin=linked(origin))))
        return found

    def derived(self) -> list[Section]:
        """The derivations: a section for each, and below it one for each group of lemmas."""
        sections: list[Section] = []
        told: set[Lemma] = set()
        for d in self.derivations:
            context, found = self.context(d), groups(d.lemmas)
            known = frozenset(place for place, lemma in enumerate(d.lemmas) if lemma in told)
            fresh = [replace(g, told=known.intersection(g.places)) for g in found if not known.issuperset(g.places)]
            title: Text = ("Derivation",)
            if len(self.derivations) > 1:
                title = say("Derivation of {task}", task=self.task(d))
            paragraphs = [Paragraph(text) for text in opening(d, context)]
            if len(fresh) < len(found):
                paragraphs.append(Paragraph(("What was derived above is not repeated.",)))
            sections.append(Section(title, tuple(paragraphs), kind="lemma"))
            sections += self.lemmas(d, fresh)
            told.update(d.lemmas)
        return sections

    def lemmas(self, d: Derivation, found: Sequence[Group]) -> list[Section]:
        story, printed = Story(d, self.context(d)), self.blocks(d, self.options.detail)
        sections = []
        for group in found:
            parts: list[Part] = []
            for place in group.places:
                if place not in group.told:
                    parts += [Paragraph(story.prose(group, place)), Chain(printed[place])]
            sections.append(Section(story.heading(group), tuple(parts), 2, "lemma"))
        return sections

    def results(self) -> Section:
        parts: list[Part] = []
        for d in self.derivations:
            known = [Adjoint(t) for t in d.of] if d.kind == "vjp" else []
            names = listed([tensor_layout(t, self.context(d)) for t in (*known, *_intermediate(d))])
            terms = say(", in terms of {names}", names=names) if names else ()
            verb = "are" if d.kind == "hessian" else "is"
            start = say(f"{{task}} {verb}{{terms}}:", task=self.task(d, "The"), terms=terms)
            parts += [Paragraph(start), Result(self.blocks(d, "result"))]
        return Section(("Result",), tuple(parts))

    def code(self) -> Section:
        parts: list[Part] = [Paragraph(("Generated from the derivation; every intermediate tensor is computed once.",))]
        for target in self.options.targets:
            for d in self.derivations:
                language = LANGUAGES.get(target, target)
                try:
                    source = compile_program(program_of(d), target).source
                except TensorCalcError as error:
                    parts.append(Paragraph((f"No code for {language}: {error.message}.",)))
                    continue
                caption = say(f"{language}: {{task}}", task=self.task(d)) if len(self.derivations) > 1 else (language,)
                parts.append(Code("python", source, caption))
        return Section(("Code",), tuple(parts))

    def notes(self) -> list[Section]:
        system = self.derivations[0].system
        notes = [*system.notes, *(note for d in self.derivations for note in d.notes)]
        parts = tuple(Paragraph((f"{capital(note, system.tensors).rstrip('.')}.",)) for note in dict.fromkeys(notes))
        return [Section(("Notes",), parts)] if parts else []

    def laws(self) -> list[Section]:
        rules = [r for d in self.derivations for lemma in d.lemmas for step in lemma.steps for r in step.rules]
        laws = tuple({r.name: r.law for r in rules if r.law}.items())
        return (
            [Section(("Rules",), (Laws(laws, self.local_laws({r.name for r in rules if not r.law})),))] if laws else []
        )

    def local_laws(self, names: set[str]) -> tuple[tuple[str, str], ...]:
        """The equations of the page behind names such as `definition of s` or `sum of u over h is 0`."""
        found: dict[str, str] = {}
        for d in self.derivations:
            for block in self.blocks(d, "all"):
                law = f"{LATEX.text(block.left)} = {LATEX.text(block.lines[-1].node)}"
                if block.kind == "definition":
                    found[f"definition of {block.lhs.tensor.name}"] = law
                elif block.kind == "fact" and isinstance(block.lhs, Contraction):
                    start = f"sum of {', '.join(c.tensor.name for c in block.lhs.atoms(Component))} over "
                    found |= {name: law for name in names if name.startswith(start)}
                elif block.kind == "jacobian":
                    found[f"derivative of {block.lhs.expression.tensor.name} from above"] = law
        return tuple((name, law) for name, law in found.items() if name in names)


def _intermediate(derivation: Derivation) -> list[Tensor]:
    """The adjoints of intermediate tensors in terms of which a result is written."""
    found = {t for _, right in derivation.results for t in right.atoms(Adjoint) if t.of not in derivation.of}
    return sorted(found, key=lambda t: t.name)
