// Escape gives up a form that is open in the place of what it changes.

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) event.target.closest?.("form")?.querySelector("[data-escape]")?.click();
});
