"use strict";
(() => {
  const box = document.getElementById("lightbox");
  const large = box.querySelector("img");
  const title = box.querySelector(".box-title");
  const caption = box.querySelector(".box-caption");
  const prompt = box.querySelector(".box-prompt");
  let open = null;

  const show = (shot) => {
    const thumb = shot.querySelector("img");
    open = shot;
    large.src = thumb.src;
    large.alt = thumb.alt;
    large.lang = thumb.closest("[lang]").lang;
    caption.lang = prompt.lang = shot.dataset.lang || "";
    title.textContent = shot.dataset.title;
    caption.textContent = shot.dataset.caption || "";
    prompt.textContent = shot.dataset.prompt || "";
    const tab = shot.closest(".tabs > article, .tabs > div")?.previousElementSibling?.control;
    if (tab) tab.checked = true;
    if (!box.open) box.showModal();
  };

  const along = (step) => {
    const row = [...open.closest("[data-strip]").querySelectorAll(".shot")];
    const next = row[row.indexOf(open) + step];
    if (next) show(next);
  };

  const across = (step) => {
    const strip = open.closest("[data-strip]");
    const same = [...strip.closest("[data-block]").querySelectorAll("[data-strip]")]
      .filter((other) => other.dataset.strip === strip.dataset.strip);
    const other = same[same.indexOf(strip) + step];
    const twin = other && other.querySelector(`.shot[data-panel="${open.dataset.panel}"]`);
    if (twin) show(twin);
  };

  const keys = {
    ArrowLeft: () => along(-1),
    ArrowRight: () => along(1),
    ArrowUp: () => across(-1),
    ArrowDown: () => across(1),
  };

  document.addEventListener("click", (event) => {
    const shot = event.target.closest(".shot");
    if (shot) show(shot);
    else if (event.target === box || event.target.closest(".box-close")) box.close();
    else if (event.target.closest("[data-key]")) keys[event.target.closest("[data-key]").dataset.key]();
  });

  box.addEventListener("keydown", (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  box.addEventListener("close", () => {
    large.removeAttribute("src");
    if (open) open.focus();
  });
})();
