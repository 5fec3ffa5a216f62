"use strict";
// A page that nobody looks at listens to no job: browsers give a board six connections for all its pages together.
(() => {
  const open = new Set();
  htmx.createEventSource = (address) => {
    const source = new EventSource(address);
    open.add(source);
    return source;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      open.forEach((source) => source.close());
      open.clear();
    } else {
      document.dispatchEvent(new Event("shown"));
    }
  });
})();
