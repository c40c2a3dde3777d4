"""Matrix notation: results that are scalars, vectors and matrices, written without indices."""

from tensorcalc.matrix.form import MatrixForm, MatrixLine, definition_forms, matrix_form, matrix_forms
from tensorcalc.matrix.report import fits, latex, latex_rows, text

__all__ = [
    "MatrixForm",
    "MatrixLine",
    "definition_forms",
    "fits",
    "latex",
    "latex_rows",
    "matrix_form",
    "matrix_forms",
    "text",
]
