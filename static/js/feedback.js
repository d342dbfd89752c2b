// What can be said about an answer opens in view: below it stands the composer.

document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (elt.matches?.(".feedback")) elt.querySelector(".feedback-more")?.scrollIntoView({ block: "nearest" });
});
