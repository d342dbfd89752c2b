// Tells screen readers how a question fares, once for each state; the answer itself is read out by the log.

const said = new Map();

document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  const announcer = document.getElementById("announcer");
  if (!announcer || !elt.matches?.("article[data-role=assistant]")) return;
  const { state } = elt.dataset;
  if (said.get(elt.id) !== state) announcer.textContent = announcer.dataset[state] ?? "";
  said.set(elt.id, state);
});
