"use strict";
// Voting by keys, and the same spot of both sides close by.
(() => {
  const sides = () => document.querySelector(".two-sides");
  const spot = { x: 50, y: 50 };

  function place() {
    const root = sides();
    root.style.setProperty("--x", `${spot.x}%`);
    root.style.setProperty("--y", `${spot.y}%`);
  }

  function zoom(level, panel) {
    const root = sides();
    if (!root) return;
    const several = root.querySelectorAll('.window[data-panel="2"]').length > 0;
    const to = several ? Math.min(level, 2) : level > 0 ? 2 : 0;
    root.dataset.zoom = String(to);
    if (panel) root.dataset.panel = panel;
    const shown = root.dataset.panel || "1";
    for (const one of root.querySelectorAll(".window")) {
      one.hidden = to > 0 && one.dataset.panel !== shown;
      const picture = one.querySelector("img");
      if (to > 0 && !one.hidden && picture.dataset.close) {
        picture.src = picture.dataset.close;
        delete picture.dataset.close;
      }
    }
    document.querySelector("[data-zoom-in]")?.setAttribute("aria-pressed", String(to > 0));
    place();
  }

  const level = () => Number(sides()?.dataset.zoom || 0);

  function move(event) {
    const step = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!step || !event.shiftKey || level() < 2) return false;
    spot.x = Math.min(100, Math.max(0, spot.x + step[0]));
    spot.y = Math.min(100, Math.max(0, spot.y + step[1]));
    place();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
    if (!sides() && event.key.toLowerCase() !== "z") return;
    if (move(event)) { event.preventDefault(); return; }
    if (event.shiftKey && event.key.startsWith("Arrow")) return;
    const onControl = event.target.closest("button, a, summary");
    if (event.key === "+" || event.key === "=" || (event.key === "Enter" && !onControl)) {
      event.preventDefault();
      zoom(event.key === "Enter" && level() === 2 ? 0 : level() + 1);
    } else if (event.key === "Escape" || event.key === "-") {
      zoom(event.key === "Escape" ? 0 : level() - 1);
    } else if (/^[1-8]$/.test(event.key) && sides().querySelector('.window[data-panel="2"]')) {
      zoom(Math.max(1, level()), event.key);
    } else if (!event.repeat) {
      const button = [...document.querySelectorAll("[data-keys]")].find((one) => one.dataset.keys.split(" ").includes(event.key));
      if (button && !button.disabled) { event.preventDefault(); button.click(); }
    }
  });

  document.addEventListener("pointermove", (event) => {
    const over = event.target.closest?.(".window");
    if (!over || level() < 2) return;
    const box = over.getBoundingClientRect();
    spot.x = Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width));
    spot.y = Math.min(100, Math.max(0, (100 * (event.clientY - box.top)) / box.height));
    place();
  });

  document.addEventListener("click", (event) => {
    const window = event.target.closest(".window");
    if (window) zoom(level() === 2 ? 0 : level() + 1, window.dataset.panel);
    else if (event.target.closest("[data-zoom-in]")) zoom(level() > 0 ? 0 : 1);
  });

  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body) document.getElementById("pair")?.focus({ preventScroll: true });
  });
})();
