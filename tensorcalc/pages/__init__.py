"""Articles about derivations, ready for print: Markdown, LaTeX documents, HTML pages; what notebooks show."""

from tensorcalc.pages.article import Choices, Options, article
from tensorcalc.pages.html import html
from tensorcalc.pages.markdown import markdown
from tensorcalc.pages.model import MatrixForm, Page
from tensorcalc.pages.tex import tex

__all__ = ["Choices", "MatrixForm", "Options", "Page", "article", "html", "markdown", "tex"]
