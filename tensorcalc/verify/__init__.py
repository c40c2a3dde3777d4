"""The checker: reads an article's LaTeX and judges every `=` by number.

`sources` finds the formulas of a file, `latex` reads them, `reading` gives their names a meaning in the article,
`numbers` computes, `judge` compares, `report` tells. Nothing here uses the engine's rules to find a value: an equation
is judged by what its two sides are worth at random points.
"""

from __future__ import annotations
