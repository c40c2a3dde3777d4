"""What the engine says about an article's derivatives: its own derivation, and proposals for rows that are false."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tensorcalc.api import Derivation, System, parse
from tensorcalc.errors import TensorCalcError
from tensorcalc.verify.checker import Finding, Result
from tensorcalc.verify.problems import Problem
from tensorcalc.verify.terms import Derived, Entry
from tensorcalc.verify.writing import Written, write_system

__all__ = ["explanations", "proposals", "write_fixes"]


class _Engine:
    """The system of an article, with the derivations of what its rows differentiate."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.system: System | None = None
        self.written: Written | None = None
        self.found: dict[tuple[str, str], Derivation | None] = {}
        try:
            self.written = write_system(result.article)
            self.system = parse(self.written.text, result.document.source.name)
        except (Problem, TensorCalcError):
            return

    def derivation(self, finding: Finding) -> Derivation | None:
        """The derivation of the derivative on the left of a row's chain, where the engine has one."""
        claim = finding.detail.claim if finding.detail is not None else None
        term = claim.reference.term if claim is not None and claim.reference is not None else None
        if self.system is None or self.written is None or not isinstance(term, Derived):
            return None
        if not isinstance(term.body, Entry):
            return None
        key = (term.body.name, term.name)
        if key not in self.found:
            self.found[key] = self._derive(*key)
        return self.found[key]

    def _derive(self, of: str, wrt: str) -> Derivation | None:
        assert self.system is not None
        assert self.written is not None
        model, names = self.result.article.model, self.written.names
        ends = model.losses.get(of)
        outputs = [names[n] for n in ends or (of,) if n in names and n in model.definitions]
        if not outputs or wrt not in names:
            return None
        scalar = not ends and not model.definitions[of].letters
        try:
            kind = "vjp" if ends else "gradient" if scalar else "jacobian"
            return self.system.derive(outputs[0] if len(outputs) == 1 else outputs, names[wrt], kind)  # type: ignore[arg-type]
        except TensorCalcError:
            return None


def explanations(result: Result) -> str:
    """The engine's derivation of every derivative that the article's rows are about, those of flagged rows alone where
    there are some.
    """
    engine = _Engine(result)
    parts: list[str] = []
    seen: set[int] = set()
    for finding in result.flagged or result.findings:
        derivation = engine.derivation(finding)
        if derivation is not None and id(derivation) not in seen:
            seen.add(id(derivation))
            parts.append(f"step by step, for line {finding.line}:\n\n{derivation.text()}")
    return "\n".join(parts)


def proposals(result: Result) -> Iterator[tuple[Finding, str]]:
    """Flagged findings with what the engine has for the right side, in LaTeX; empty where it has nothing."""
    engine = _Engine(result)
    for finding in result.flagged:
        derivation = engine.derivation(finding)
        yield finding, derivation.latex(detail="result").strip() if derivation is not None else ""


def write_fixes(results: Sequence[Result]) -> list[Path]:
    """Write a file of proposals beside every article that has flagged rows; the articles stay as they are.

    Raises `TensorCalcError` E_FILE.
    """
    written: list[Path] = []
    for result in results:
        name = result.document.source.name
        if not result.flagged or name.startswith("<"):
            continue
        lines = [f"# Proposals for {Path(name).name}", ""]
        for finding, proposal in proposals(result):
            lines += [
                f"## Line {finding.line}",
                "",
                "```latex",
                finding.latex,
                "```",
                "",
                finding.reason.capitalize() + ".",
                "",
            ]
            lines += [finding.hint[:1].upper() + finding.hint[1:] + ".", ""] if finding.hint else []
            lines += ["The engine derives:", "", proposal, ""] if proposal else []
        path = Path(f"{name}.fixes.md")
        try:
            path.write_text("\n".join(lines), encoding="utf-8")
        except OSError as problem:
            raise TensorCalcError("E_FILE", f"{path} cannot be written: {problem.strerror or problem}") from None
        written.append(path)
    return written
