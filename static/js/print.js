// A button prints; on paper all sources are open, also where style sheets alone can't open them.

for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-print]")) print();
});

let opened = [];

addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.source:not([open])")];
  for (const source of opened) source.open = true;
});

addEventListener("afterprint", () => {
  for (const source of opened) source.open = false;
});
