// The side bar shows where one is, and tells the page when an answer came elsewhere.

const here = () => document.querySelector(".side-bar [aria-current]");
const list = document.querySelector(".side-bar-list");

if (list) {
  list.scrollTop = sessionStorage.getItem("side-bar");
  if (here()?.closest("[data-group=here]")) list.scrollTop = 0;
  else here()?.scrollIntoView({ block: "nearest" });
  addEventListener("pagehide", () => sessionStorage.setItem("side-bar", list.scrollTop));
}

document.addEventListener("htmx:afterSwap", (event) => {
  const entry = document.getElementById(event.detail.requestConfig.elt.id);
  if (entry?.matches(".side-bar li") && entry.querySelector("[data-unread]")) {
    document.dispatchEvent(new CustomEvent("thread:answered", { detail: { url: entry.querySelector("a").href } }));
  }
});

// Removed in another tab.
document.addEventListener("htmx:responseError", ({ detail: { xhr, requestConfig: { elt } } }) => {
  if (xhr.status === 404 && elt.matches(".side-bar li")) elt.remove();
});

// The conversation that goes on is the newest one.
document.addEventListener("htmx:afterSettle", ({ detail: { xhr, requestConfig: { elt, verb } } }) => {
  if (verb !== "post" || xhr.status !== 200 || !elt.matches("#composer, [data-anew]")) return;
  const today = document.querySelector(".side-bar [data-group=today]");
  const entry = here()?.closest("li");
  const group = entry?.closest("ol");
  if (!today || !group || group.dataset.group === "pinned") return;
  today.prepend(entry);
  if (group.children.length) return;
  if (group.previousElementSibling?.matches(".threads-group")) group.previousElementSibling.remove();
  group.remove();
});
