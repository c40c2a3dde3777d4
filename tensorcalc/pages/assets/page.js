// Typesets the formulas of a page, folds and unfolds its chains, and shows the law of a rule beside it.
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  root.classList.add("scripted");
  for (const formula of all(".m")) {
    const wide = formula.classList.contains("wide") ? "\\displaystyle " : "";
    katex.render(wide + formula.textContent, formula, {
      displayMode: formula.classList.contains("display"),
      throwOnError: false,
      strict: "ignore",
    });
  }

  const fold = (chain, folded) => {
    chain.classList.toggle("folded", folded);
    const button = chain.querySelector(".fold");
    if (button) button.setAttribute("aria-expanded", String(!folded));
  };
  for (const chain of all(".chain")) {
    const button = chain.querySelector(".fold");
    if (button) button.addEventListener("click", () => fold(chain, !chain.classList.contains("folded")));
  }
  const show = (detail) => {
    root.dataset.detail = detail;
    for (const chain of all(".chain")) fold(chain, detail !== "all");
  };
  for (const choice of all('input[name="detail"]')) {
    choice.addEventListener("change", () => choice.checked && show(choice.value));
    if (choice.checked) show(choice.value);
  }

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let leaving = 0;
  const hide = () => { tip.hidden = true; };
  const tell = (rule) => {
    const law = document.getElementById(rule.getAttribute("aria-describedby"));
    if (!law) return;
    clearTimeout(leaving);
    tip.replaceChildren(...[...law.childNodes].map((node) => node.cloneNode(true)));
    tip.hidden = false;
    const place = rule.getBoundingClientRect();
    const left = Math.min(place.left, root.clientWidth - tip.offsetWidth - 8);
    const above = place.top - tip.offsetHeight - 6;
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${(above > 0 ? above : place.bottom + 6) + scrollY}px`;
  };
  const leave = () => { leaving = setTimeout(hide, 150); };
  for (const rule of all(".rule[tabindex]")) {
    rule.addEventListener("mouseenter", () => tell(rule));
    rule.addEventListener("focus", () => tell(rule));
    rule.addEventListener("mouseleave", leave);
    rule.addEventListener("blur", leave);
  }
  tip.addEventListener("mouseenter", () => clearTimeout(leaving));
  tip.addEventListener("mouseleave", leave);
  addEventListener("keydown", (event) => event.key === "Escape" && hide());

  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "selected";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }

  const filter = document.getElementById("filter");
  if (filter) {
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/);
      for (const card of all(".cards li")) {
        const text = card.firstChild.textContent.toLowerCase() + card.closest(".topic").firstElementChild.textContent.toLowerCase();
        card.hidden = !words.every((word) => text.includes(word));
      }
      for (const topic of all(".topic")) topic.hidden = !topic.querySelector("li:not([hidden])");
    });
  }

  const closed = [];
  addEventListener("beforeprint", () => {
    closed.push(...all("details:not([open])"));
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of closed.splice(0)) part.open = false;
  });
})();
