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

  // Lines with a box: x ticks the one that j and k stand on, shift ticks all between two.
  const boxes = () => [...document.querySelectorAll("input.tick")];
  let lastBox = null;
  const count = () => {
    const told = document.querySelector("[data-chosen]");
    const number = boxes().filter((box) => box.checked).length;
    if (told) told.textContent = number ? `${number} chosen` : "";
  };
  const tick = () => {
    const box = document.querySelector("[data-rows] > [data-here] input.tick");
    if (box) { box.checked = !box.checked; lastBox = box; count(); }
  };
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (box.matches("[data-all]")) boxes().forEach((each) => { each.checked = box.checked; });
    else if (box.matches("input.tick")) {
      const all = boxes();
      const [a, b] = [all.indexOf(lastBox), all.indexOf(box)].sort((x, y) => x - y);
      if (event.shiftKey && a >= 0) all.slice(a, b + 1).forEach((each) => { each.checked = box.checked; });
      lastBox = box;
    } else return;
    count();
  });

  // [ and ] go from one finding to the next within a content.
  const jump = (step) => {
    const all = [...document.querySelectorAll("[data-finding]")];
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    const next = all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length];
    next.focus();
    next.scrollIntoView({ block: "center" });
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
    else if (key === "x") tick();
    else if ((key === "[" || key === "]") && jump(key === "]" ? 1 : -1)) { /* done */ }
    else if (!press(`[data-key="${CSS.escape(key)}"]`)) return;
    go = 0;
    event.preventDefault();
  });

  // Live parts are fetched again while the page is seen and nobody works in them; the page says when to look next.
  const idle = (part) => !part.contains(document.activeElement) && !part.querySelector("details[open], input:checked");
  let every = Number(document.body.dataset.refresh || 0);
  const refresh = async () => {
    if (document.hidden || ![...document.querySelectorAll("[data-live]")].some(idle)) return;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      every = Number(page.body.dataset.refresh || every);
      for (const part of [...document.querySelectorAll("[data-live]")].filter(idle)) {
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      }
    } catch {
      // the gateway is away: what is shown stays
    }
  };
  const wait = () => setTimeout(async () => { await refresh(); wait(); }, every * 1000);
  if (every) wait();

  // The editor: what is typed is checked 400 ms later, kept in this tab until it is sent, and not left by accident.
  const form = document.querySelector("form[data-editor]");
  const editor = () => {
    const key = `edit:${location.pathname}`;
    const away = document.getElementById("draft-away");
    const ours = ([name, value]) => typeof value === "string" && !["csrf_token", "do"].includes(name);
    let timer, round = 0, changed = form.hasAttribute("data-changed"), sent = false;
    const keep = () => {
      try {
        sessionStorage.setItem(key, JSON.stringify([...new FormData(form)].filter(ours)));
      } catch {
        // the browser keeps nothing: the page itself still does
      }
    };
    const place = (page) => {
      for (const id of ["result", "wrong"]) {
        const fresh = page.getElementById(id);
        if (fresh) document.getElementById(id).replaceChildren(...fresh.childNodes);
      }
      const at = page.getElementById("at");
      if (!at) return;
      for (const slot of form.querySelectorAll("[data-slot]")) {
        const said = at.querySelectorAll(`[data-for="${CSS.escape(slot.dataset.slot)}"]`);
        const input = document.getElementById(slot.dataset.slot);
        if (input && !said.length) input.removeAttribute("aria-invalid");
        else if (input && [...said].some((one) => one.querySelector(".bad"))) input.setAttribute("aria-invalid", "true");
        slot.replaceChildren(...[...said].flatMap((one) => [...one.childNodes]));
      }
      for (const group of form.querySelectorAll(".group")) {
        const bad = group.querySelector(".slot .bad"), warn = group.querySelector(".slot .warn");
        group.classList.toggle("bad", Boolean(bad));
        group.classList.toggle("warn", !bad && Boolean(warn));
      }
    };
    const check = async () => {
      const mine = ++round, body = new FormData(form);
      body.delete("file");
      try {
        const answer = await fetch(form.dataset.check, { method: "POST", body, headers: { "X-Live": "1" }, redirect: "error" });
        if (mine !== round) return;
        away.hidden = answer.ok;
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (mine === round) place(page);
      } catch {
        away.hidden = false;
      }
    };
    form.addEventListener("input", (event) => {
      const mean = event.target.parentElement.querySelector("[data-mean]");
      if (mean) mean.hidden = mean.dataset.mean !== event.target.value;
      changed = true;
      keep();
      if (["reason", "file", "acknowledge"].includes(event.target.name)) return;
      clearTimeout(timer);
      if (form.elements.mode.value !== "file") timer = setTimeout(check, 400);
    });
    form.addEventListener("submit", () => { sent = true; keep(); });
    addEventListener("pageshow", () => { sent = false; });
    addEventListener("beforeunload", (event) => { if (changed && !sent) event.preventDefault(); });
    // What was kept of the same message is laid into the form, and the gateway makes the page of it anew.
    const back = () => {
      let kept;
      try {
        kept = JSON.parse(sessionStorage.getItem(key) || "null");
        sessionStorage.removeItem(key);
      } catch {
        return;
      }
      const lines = (text) => text.replaceAll("\r\n", "\n");
      const value = (name) => (kept.find(([each]) => each === name) || [])[1];
      if (!kept || form.hasAttribute("data-answer") || value("base") !== form.elements.base.value) return;
      if (kept.every(([name, text]) => form.elements[name] && lines(form.elements[name].value || "") === lines(text))) return;
      form.querySelectorAll('[name^="v-"]').forEach((input) => input.removeAttribute("name"));
      for (const [name, text] of kept) {
        if (!form.elements[name] || name.startsWith("v-")) {
          form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value: text }));
        } else if (form.elements[name].type === "checkbox") form.elements[name].checked = true;
        else form.elements[name].value = text;
      }
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "kept", value: "1" }));
      form.requestSubmit(form.querySelector('[value="check"]'));
    };
    back();
  };
  if (form) editor();

  // A file dropped anywhere on a page with such a form is sent by it; one that is too large is told and stays here.
  const taker = document.querySelector("form[data-drop]");
  if (taker) {
    const input = taker.querySelector("input[type=file]");
    const said = taker.querySelector("[data-drop-said]");
    taker.querySelector("[data-drop-hint]").hidden = false;
    const fits = () => {
      const file = input.files[0];
      const tooLarge = Boolean(file) && file.size > Number(taker.dataset.drop);
      said.textContent = tooLarge ? `${file.name} has ${(file.size / 1048576).toFixed(1)} MB, which is too much to be looked at here. On the machine itself: gateway inspect FILE` : "";
      said.hidden = !tooLarge;
      if (tooLarge) { input.value = ""; say(said.textContent); }
      return !tooLarge;
    };
    input.addEventListener("change", fits);
    const over = (on) => taker.toggleAttribute("data-over", on);
    document.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      over(true);
    });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
    document.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      over(false);
      input.files = event.dataTransfer.files;
      if (fits()) taker.requestSubmit();
    });
  }
})();
