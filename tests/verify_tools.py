"""What the tests of the checker share: the article fixtures, and short ways to verdicts."""

from __future__ import annotations

from pathlib import Path

from tensorcalc.verify.checker import Result, verify_document
from tensorcalc.verify.profile import from_toml
from tensorcalc.verify.sources import read_document

ARTICLES = Path(__file__).parent / "fixtures" / "articles"
SLIP = "cross_entropy_slip"
RIGHT = sorted(path.stem for path in ARTICLES.glob("*.md") if path.stem != SLIP)


def article(name: str) -> str:
    return (ARTICLES / f"{name}.md").read_text(encoding="utf-8")


def verify(text: str, name: str = "article.md", profile: str = "") -> Result:
    return verify_document(read_document(text, name, profile=from_toml(profile) if profile else None))


def verdicts(text: str, name: str = "article.md", profile: str = "") -> list[str]:
    return [finding.verdict for finding in verify(text, name, profile).findings]


def displayed(*rows: str) -> str:
    return "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$\n"
