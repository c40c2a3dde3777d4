"""Work for several threads in C: a function that runs one part of it, and the structure of what it has to know."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

__all__ = ["task"]

_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def task(name: str, body: Sequence[str], variables: Mapping[str, str]) -> tuple[str, str]:
    """The structure and the function of some work, and the declaration of `task`, where the work is begun.

    `body` is what is done about part number `part` by thread number `thread`; `variables` are those around it that it
    may use, each with its type.
    """
    text = "\n".join(body)
    words = set(_WORD.findall(text))
    known = {v: kind for v, kind in variables.items() if v in words}
    text = _WORD.sub(lambda found: f"task.{found[0]}" if found[0] in known else found[0], text)
    members = "\n".join(f"    {line}" for line in _members(known))
    structure = f"struct {name}_task {{\n{members}\n}};\n"
    opening = f"    const struct {name}_task task = *(const struct {name}_task *)given;\n"
    if "thread" not in words:
        opening += "    (void)thread;\n"
    head = f"static void {name}_part(const void *given, ptrdiff_t part, ptrdiff_t thread)"
    function = f"{head}\n{{\n{opening}{textwrap.indent(text, '    ')}\n}}\n"
    values = textwrap.fill(f"const struct {name}_task task = {{{', '.join(known)}}};", 100, subsequent_indent="    ")
    return f"{structure}\n{function}", values


def _members(known: Mapping[str, str]) -> list[str]:
    """The declarations of the members, neighbours of one type in one line."""
    lines: list[tuple[str, list[str]]] = []
    for variable, kind in known.items():
        base, star = kind.rstrip("*").strip(), "*" if kind.endswith("*") else ""
        if not lines or lines[-1][0] != base:
            lines.append((base, []))
        lines[-1][1].append(f"{star}{variable}")
    return [textwrap.fill(f"{base} {', '.join(names)};", 100, subsequent_indent="    ") for base, names in lines]
