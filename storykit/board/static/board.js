"use strict";
// What every page of the board needs beside htmx: buttons that copy, and word of a board that was closed.
(() => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = button.textContent;
    button.textContent = button.dataset.copied || said;
    setTimeout(() => { button.textContent = said; }, 1500);
  });

  document.addEventListener("htmx:sendError", () => {
    document.body.classList.add("is-closed");
  });
  document.addEventListener("htmx:afterOnLoad", () => {
    document.body.classList.remove("is-closed");
    if (document.querySelector("#told .told")) document.getElementById("told").scrollIntoView({ block: "nearest" });
  });
})();
