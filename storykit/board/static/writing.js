"use strict";
// A draft that is not saved: the page is not left without a word. Ctrl+S saves.
(() => {
  const draft = () => document.getElementById("draft");
  let typed = false; // since it was sent to be saved
  let quiet = false;
  document.addEventListener("input", (event) => {
    if (!event.target.closest("#draft")) return;
    draft().dataset.dirty = "";
    typed = true;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.pathInfo.requestPath === "/writing/save") typed = false;
  });
  document.addEventListener("draft-saved", () => {
    if (!typed) delete draft().dataset.dirty;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id === "draft") event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (!draft() || event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    document.getElementById("save").click();
  });
  document.addEventListener("click", (event) => { quiet = Boolean(event.target.closest("[data-quiet]")); });
  window.addEventListener("beforeunload", (event) => {
    if (quiet || !draft() || draft().dataset.dirty === undefined) return;
    event.preventDefault();
    event.returnValue = draft().dataset.leave;
  });
})();
