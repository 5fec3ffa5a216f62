"use strict";
// A draft that is not saved: the page is not left without a word. Ctrl+S saves.
(() => {
  const draft = () => document.getElementById("draft");
  document.addEventListener("input", (event) => {
    if (event.target.closest("#draft")) draft().dataset.dirty = "";
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id === "draft") event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (!draft() || event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    document.getElementById("save").click();
  });
  let quiet = false;
  document.addEventListener("click", (event) => { quiet = Boolean(event.target.closest("[data-quiet]")); });
  window.addEventListener("beforeunload", (event) => {
    if (quiet || !draft() || draft().dataset.dirty === undefined) return;
    event.preventDefault();
    event.returnValue = draft().dataset.leave;
  });
})();
