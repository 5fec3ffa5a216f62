"use strict";
// The sheet's keys: arrows move among the pictures, the others press what is on the page. Changes are sent one
// after the other, each with the version that the one before left.
(() => {
  const grid = document.querySelector(".sheet-grid");
  let last = Promise.resolve();
  let here = null;  // the id of the cell that was focused last

  const seen = () => document.getElementById("strip").dataset.seen;
  const send = (what, values, source) => {
    last = last.then(() => htmx.ajax("POST", `/sheet/${what}?${grid ? grid.dataset.query : ""}`, {
      source: source || document.body, swap: "none", values: { ...values, seen: seen() },
    })).catch(() => {});
  };
  const mark = (cell) => ({ panel: cell.dataset.panel, seed: cell.dataset.seed });
  const rove = (cell) => {
    grid.querySelectorAll('.cell[tabindex="0"]').forEach((one) => { one.tabIndex = -1; });
    cell.tabIndex = 0;
    here = cell.id;
  };
  const show = (id, address) => {
    const dialog = document.getElementById(id);
    htmx.ajax("GET", address, { target: dialog, swap: "innerHTML" }).then(() => {
      if (dialog.childElementCount && !dialog.open) dialog.showModal();
    });
  };
  const piece = (what, cell) => `/sheet/${what}?${grid.dataset.query}&panel=${cell.dataset.panel}&seed=${cell.dataset.seed}`;

  const move = (cell, dx, dy) => {
    const lines = [...grid.querySelectorAll(".line:not(.heads)")];
    const line = cell.closest(".line");
    const cells = (one) => [...one.querySelectorAll(".cell")];
    const x = cells(line).indexOf(cell) + dx;
    const row = cells(lines[Math.min(Math.max(lines.indexOf(line) + dy, 0), lines.length - 1)]);
    row[Math.min(Math.max(x, 0), row.length - 1)].focus();
  };
  const onCell = {
    ArrowLeft: (cell) => move(cell, -1, 0), ArrowRight: (cell) => move(cell, 1, 0),
    ArrowUp: (cell) => move(cell, 0, -1), ArrowDown: (cell) => move(cell, 0, 1),
    Home: (cell) => move(cell, -1e6, 0), End: (cell) => move(cell, 1e6, 0),
  };
  const deeds = {
    pick: (cell) => send("pick", mark(cell), cell), ban: (cell) => send("ban", mark(cell), cell),
    large: (cell) => show("large", piece("large", cell)), recipe: (cell) => show("recipe", piece("recipe", cell)),
  };
  const keys = { " ": deeds.pick, x: deeds.ban, Enter: deeds.large, i: deeds.recipe, ...onCell };
  const anywhere = {
    z: () => send("undo", {}), f: () => send("fill", {}),
    "?": () => document.getElementById("keys").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=range]), select, textarea");
    const box = document.getElementById("large");
    if (box.open && event.key === "v") return flip(box);
    if (typing || document.querySelector("dialog[open]")) return;
    const cell = event.target.closest(".cell");
    const act = (cell && keys[event.key]) || anywhere[event.key];
    if (!act) return;
    event.preventDefault();
    act(cell);
  });

  document.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    const button = event.target.closest("[data-do], [data-dialog], [data-flip], [data-act]");
    if (cell) cell.focus();
    else if (!button) return;
    else if (button.dataset.act) deeds[button.dataset.act](document.getElementById(here) || grid.querySelector(".cell"));
    else if (button.dataset.do) send(button.dataset.do, {}, button);
    else if (button.dataset.dialog) document.getElementById(button.dataset.dialog).showModal();
    else flip(button.closest("dialog"));
  });
  document.addEventListener("dblclick", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) deeds.large(cell);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && "auto" in form.dataset) form.requestSubmit();
  });

  // Two pictures over each other: the upper one is seen right of the border.
  const clip = (box, at) => box.querySelector(".upper")?.style.setProperty("clip-path", `inset(0 0 0 ${at}%)`);
  const flip = (box) => {
    const slide = box.querySelector("#slide");
    if (!slide) return;
    slide.value = Number(slide.value) > 50 ? 0 : 100;
    clip(box, slide.value);
  };
  document.addEventListener("input", (event) => {
    if (event.target.id === "slide") clip(event.target.closest("dialog"), event.target.value);
  });

  if (!grid) return;
  grid.addEventListener("focusin", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) rove(cell);
  });
  const keepReachable = () => {
    const cell = (here && document.getElementById(here)) || grid.querySelector(".cell");
    if (cell) cell.tabIndex = 0;
  };
  document.addEventListener("htmx:oobAfterSwap", keepReachable);
  keepReachable();
})();
