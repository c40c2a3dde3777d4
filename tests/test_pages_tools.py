"""Articles of the whole library under the programs that readers use: pdflatex, KaTeX, a browser without a network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from page_tools import (
    article,
    articles,
    compile_latex,
    derivations,
    displays,
    formulas,
    needs_chromium,
    needs_latex,
    needs_node,
    open_page,
    overfull,
    typeset,
)
from tensorcalc import library, pages, render
from tensorcalc.gallery import build
from tensorcalc.pages.shell import write_assets

WATCH = """
<script>
  // What a browser says against a page, written into its title for the test to read.
  const wrong = [];
  addEventListener("error", (event) => wrong.push(String(event.message)), true);
  addEventListener("securitypolicyviolation", (event) => wrong.push("asked for " + event.blockedURI));
</script>
"""
USE = """
<script>
  addEventListener("load", () => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const seen = (element) => element.checkVisibility();
    const count = (selector) => all(selector).filter(seen).length;
    const choose = (detail) => document.querySelector(`input[value="${detail}"]`).click();
    const found = {formulas: all(".m").length, katex: all(".m > .katex, .m > .katex-display").length};
    found.errors = all(".katex-error").length;
    found.middle = all(".chain > .middle .katex").length;
    found.all = count(".chain > .middle .katex");
    choose("key");
    found.key = count(".chain > .middle .katex");
    found.expanded = document.querySelector(".fold").getAttribute("aria-expanded");
    document.querySelector(".fold").click();
    found.unfolded = count(".chain > .middle .katex");
    choose("result");
    found.lemmas = count("section.lemma");
    found.result = count(".result");
    choose("all");
    found.again = count(".chain > .middle .katex");
    document.querySelector("details.part").open = false;
    found.closed = all("details.part .chain").filter((c) => !seen(c.querySelector(".katex"))).length;
    document.querySelector("details.part").open = true;
    const rule = document.querySelector(".rule[tabindex]");
    rule.focus();
    const tip = document.querySelector(".tip");
    found.tip = !tip.hidden && tip.querySelector(".katex") !== null;
    dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
    found.gone = tip.hidden;
    found.requests = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
    found.fonts = [...document.fonts].filter((f) => f.status === "error").length;
    found.wrong = wrong;
    document.body.textContent = "";
    document.title = JSON.stringify(found);
  });
</script>
"""
VISIT = """<!DOCTYPE html>
<body></body>
<script>
  // Opens pages in a frame, one after the other.
  (async () => {
    const found = [];
    for (const name of %s) {
      const frame = document.createElement("iframe");
      frame.width = 1000;
      frame.height = 800;
      const ready = new Promise((resolve) => { frame.onload = resolve; });
      frame.src = name + ".html";
      document.body.append(frame);
      await ready;
      const page = frame.contentDocument;
      const blocks = [...page.querySelectorAll("main > section, .chain, p")];
      const wide = blocks.filter((block) => block.scrollWidth > block.clientWidth + 1);
      found.push([name, page.querySelectorAll(".m").length, page.querySelectorAll(".m > span").length,
        page.querySelectorAll(".katex-error").length, wide.map((e) => e.className + e.textContent.slice(0, 60)),
        frame.contentWindow.performance.getEntriesByType("resource").map((e) => e.name)]);
      frame.remove();
    }
    document.title = JSON.stringify(found);
  })();
</script>
"""


def title(dom: str) -> object:
    found = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert found, dom[:2000]
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@needs_latex
def test_every_document_compiles_and_fits_its_page(tmp_path: Path) -> None:
    log = compile_latex(pages.tex(*articles().values()), tmp_path)
    assert overfull(log) == []


@needs_latex
def test_a_document_alone_compiles(tmp_path: Path) -> None:
    log = compile_latex(pages.tex(article("layer_norm")), tmp_path)
    assert overfull(log, 0) == []
    assert not re.findall(r"^(?:LaTeX|Package \w+) Warning: .*", log, re.MULTILINE)


@needs_latex
@pytest.mark.parametrize("style", ["sigma", "einstein"])
def test_documents_in_other_notations_compile(tmp_path: Path, style: render.Style) -> None:
    options = pages.Options(style=style, adjoint="bar", detail="key", targets=("jax",))
    names = ("layer_norm", "cross_entropy_batch", "attention", "swiglu")
    found = [pages.article(derivations(name), options=options) for name in names]
    assert overfull(compile_latex(pages.tex(*found), tmp_path)) == []


@needs_node
def test_formulas_of_all_pages_render_in_katex() -> None:
    found = []
    for name, page in articles().items():
        found += [(f"{name}.md", formula) for formula in displays(pages.markdown(page))]
        found += [(f"{name}.html", formula) for formula in formulas(pages.html(page, assets="assets"))]
    assert len(found) > 10 * len(articles())
    assert typeset(found) == []


@needs_chromium
def test_a_page_works_in_a_browser_and_asks_for_nothing(tmp_path: Path) -> None:
    page = pages.html(article("layer_norm"))
    watched = page.replace("<head>", "<head>" + WATCH, 1).replace("</body>", USE + "</body>")
    (tmp_path / "page.html").write_text(watched, encoding="utf-8")
    found = title(open_page(tmp_path / "page.html"))
    assert isinstance(found, dict)
    assert found["wrong"] == []
    assert found["requests"] == []
    assert found["errors"] == found["fonts"] == 0
    assert found["formulas"] == found["katex"] > 100
    assert found["all"] == found["again"] == found["middle"] > 10
    assert found["key"] == 0
    assert found["expanded"] == "false"
    assert 0 < found["unfolded"] < found["middle"]
    assert found["lemmas"] == 0
    assert found["result"] == 1
    assert found["closed"] > 0
    assert found["tip"]
    assert found["gone"]


@needs_chromium
def test_all_pages_render_in_a_browser(tmp_path: Path) -> None:
    write_assets(tmp_path / "assets")
    for name, page in articles().items():
        (tmp_path / f"{name}.html").write_text(pages.html(page, assets="assets"), encoding="utf-8")
    (tmp_path / "visit.html").write_text(VISIT % json.dumps(library.names()), encoding="utf-8")
    found = title(open_page(tmp_path / "visit.html"))
    assert isinstance(found, list)
    assert [row[0] for row in found] == library.names()
    for name, formulas_here, typeset_here, errors, wide, requests in found:
        assert formulas_here == typeset_here > 0, name
        assert errors == 0, name
        assert wide == [], (name, wide)
        assert all(request.startswith(tmp_path.as_uri()) for request in requests), name


def test_the_gallery_has_a_page_for_each_and_one_that_leads_to_them(tmp_path: Path) -> None:
    seen: list[str] = []
    summaries = build(tmp_path, ["nll", "softmax"], lambda summary: seen.append(summary.name), workers=1)
    assert sorted(seen) == [s.name for s in summaries] == ["nll", "softmax"]
    assert all(s.passed for s in summaries)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name in ("nll", "softmax"):
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert 'src="assets/katex.js"' in page
        assert len(page) < 100_000
        assert f'href="{name}.html"' in index
    assert r"\frac{\partial s_{i}}{\partial x_{n}}" in index
    for path in ("katex.js", "katex.css", "page.css", "page.js", "fonts/OFL.txt", "katex-LICENSE.txt"):
        assert (tmp_path / "assets" / path).exists()
    styles = (tmp_path / "assets" / "katex.css").read_text(encoding="utf-8")
    for address in re.findall(r"url\((.*?)\)", styles):
        assert (tmp_path / "assets" / address).exists(), address
