"use strict";
(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const where = document.getElementById("where");
  const button = (name) => document.querySelector(`[data-do="${name}"]`);
  let at = -1;

  const show = (number) => {
    const next = Math.min(Math.max(number, 0), slides.length - 1);
    if (next === at) return;
    slides.forEach((slide, index) => slide.classList.toggle("on", index === next));
    at = next;
    where.textContent = slides[at].dataset.where;
    button("back").disabled = at === 0;
    button("on").disabled = at === slides.length - 1;
    slides[at].scrollTop = 0;
    if (location.hash !== `#${at}` && (at || location.hash)) location.replace(`#${at}`);
  };

  const full = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.();
  };

  const captions = () => {
    const hidden = document.body.classList.toggle("bare");
    button("captions").setAttribute("aria-pressed", String(!hidden));
  };

  const steps = { back: () => show(at - 1), on: () => show(at + 1), captions, full };
  const keys = {
    ArrowLeft: steps.back, ArrowUp: steps.back, PageUp: steps.back, Backspace: steps.back,
    ArrowRight: steps.on, ArrowDown: steps.on, PageDown: steps.on, Enter: steps.on,
    Home: () => show(0), End: () => show(slides.length - 1), c: captions, f: full,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pressing = event.key === " " || event.key === "Enter";
    if (pressing && event.target.closest("button")) return;
    const space = event.shiftKey ? steps.back : steps.on;
    const step = event.key === " " ? space : keys[event.key] || keys[event.key.toLowerCase()];
    if (!step) return;
    event.preventDefault();
    step();
  });

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-do]");
    if (pressed) steps[pressed.dataset.do]();
    else if (!event.target.closest(".steer") && !String(getSelection())) {
      show(event.clientX < innerWidth / 3 ? at - 1 : at + 1);
    }
  });

  document.addEventListener("fullscreenchange", () => {
    button("full").setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
  });
  addEventListener("hashchange", () => show(Number(location.hash.slice(1)) || 0));

  button("full").hidden = !document.fullscreenEnabled;
  document.body.classList.add("live");
  show(Number(location.hash.slice(1)) || 0);
})();
