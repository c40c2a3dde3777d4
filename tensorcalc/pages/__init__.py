"""Articles about derivations, ready for print: Markdown, LaTeX documents, HTML pages; what notebooks show."""

from tensorcalc.pages.article import Options, article
from tensorcalc.pages.model import MatrixForm, Page

__all__ = ["MatrixForm", "Options", "Page", "article"]
