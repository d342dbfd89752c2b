// Whose button goes away with what it replaced goes on at what came instead, or at what is named of it.

document.addEventListener("htmx:afterSwap", (event) => {
  const { requestConfig: { elt: { dataset } }, target } = event.detail;
  if (!("focusAfter" in dataset)) return;
  const there = dataset.focusAfter ? document.querySelector(dataset.focusAfter) : document.getElementById(target.id);
  there?.focus({ preventScroll: true });
});
