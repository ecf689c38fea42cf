// Keyboard, copy buttons and live refresh. Every page works without this file.
"use strict";
(() => {
  const root = document.documentElement;
  root.dataset.script = "on";
  const say = (text) => {
    const live = document.getElementById("live");
    if (live) live.textContent = text;
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied.");
      button.title = "Copied";
    } catch {
      say("The browser did not allow copying.");
    }
  });

  // An open "reason" form closes with Escape and gives the focus back.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = event.target.closest("details[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  const typing = (node) => node.closest("input, select, textarea, [contenteditable]") !== null;
  const rows = () => [...document.querySelectorAll("[data-rows] > *")];
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.hasAttribute("data-here"));
    const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
    all.forEach((row) => row.removeAttribute("data-here"));
    next.setAttribute("data-here", "");
    const link = next.querySelector("a");
    if (link) link.focus();
  };
  const press = (selector) => {
    const node = document.querySelector(selector);
    if (!node) return false;
    if (node.matches("summary")) {
      node.parentElement.open = true;
      const field = node.parentElement.querySelector("textarea, input:not([type=hidden])");
      (field || node).focus();
    } else if (node.matches("input, select")) {
      node.focus();
      if (node.select) node.select();
    } else {
      node.click();
    }
    return true;
  };

  let go = 0;
  document.addEventListener("keydown", (event) => {
    if (root.dataset.shortcuts !== "on" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const key = event.key;
    if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
    else if (key === "g") { go = Date.now(); return; }
    else if (go && Date.now() - go < 1500) press(`[data-go="${CSS.escape(key)}"]`);
    else if (key === "?") document.getElementById("keys")?.showModal();
    else if (key === ".") press("[data-copy-link]");
    else if (!press(`[data-key="${CSS.escape(key)}"]`)) return;
    go = 0;
    event.preventDefault();
  });

  // Parts that name an address are fetched again while the page is seen and nobody works in them.
  const refresh = async () => {
    for (const part of document.querySelectorAll("[data-live]")) {
      if (document.hidden || part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
      try {
        const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      } catch {
        return; // the gateway is away: what is shown stays
      }
    }
  };
  const every = Number(document.body.dataset.refresh || 0);
  if (every) setInterval(refresh, every * 1000);
})();
