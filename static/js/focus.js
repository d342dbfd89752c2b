// Whose button goes away with what it replaced goes on reading at what came instead.

document.addEventListener("htmx:afterSwap", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig.elt.matches("[data-focus-after]")) document.getElementById(target.id)?.focus({ preventScroll: true });
});
