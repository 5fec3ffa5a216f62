"use strict";
// How many characters the introduction has while it is written; the server counts them as well.
(() => {
  document.addEventListener("input", (event) => {
    const count = document.getElementById(event.target.dataset?.count || "");
    if (count) count.textContent = [...event.target.value.trim()].length;
  });
})();
