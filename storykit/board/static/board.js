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
  // Words of the guard, such as of a board that was started anew, stand at the top: they replace no part of the page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.xhr;
    if (!(answer.getResponseHeader("content-type") || "").startsWith("text/plain")) return;
    event.detail.shouldSwap = false;
    const line = document.createElement("p");
    line.className = "told";
    line.textContent = answer.responseText;
    document.getElementById("told").replaceChildren(line);
  });
  document.addEventListener("htmx:afterOnLoad", () => {
    document.body.classList.remove("is-closed");
    if (document.querySelector("#told .told")) document.getElementById("told").scrollIntoView({ block: "nearest" });
  });
})();
