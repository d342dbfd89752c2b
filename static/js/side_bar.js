// The side bar shows where one is, and tells the page when an answer came elsewhere.

document.querySelector(".side-bar [aria-current]")?.scrollIntoView({ block: "nearest" });

document.addEventListener("htmx:afterSwap", (event) => {
  const entry = document.getElementById(event.detail.requestConfig.elt.id);
  if (entry?.matches(".side-bar li") && entry.querySelector("[data-unread]")) {
    document.dispatchEvent(new CustomEvent("thread:answered", { detail: { url: entry.querySelector("a").href } }));
  }
});
