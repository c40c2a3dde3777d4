"""Matrix notation: results that are scalars, vectors and matrices, written without indices."""

from tensorcalc.matrix.form import MatrixForm, MatrixLine, definition_forms, matrix_form, matrix_forms
from tensorcalc.matrix.report import latex, text

__all__ = ["MatrixForm", "MatrixLine", "definition_forms", "latex", "matrix_form", "matrix_forms", "text"]
