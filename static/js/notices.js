// What went wrong between browser and server. The texts stand at #notices, in the reader's language.

const FAILURES_UNTIL_SAID = 3; // waiting answers ask again by themselves
let failures = 0;

const isWaiting = (elt) => elt.matches("article");

function say(text, kind) {
  const notices = document.getElementById("notices");
  notices.textContent = text ?? "";
  notices.dataset.kind = kind ?? "";
}

function failed(event) {
  const { dataset } = document.getElementById("notices");
  const { elt, xhr } = event.detail;
  if (!isWaiting(elt)) say(dataset[xhr.status] ?? (xhr.status ? dataset.error : dataset.offline), "error");
  else if (++failures === FAILURES_UNTIL_SAID) say(dataset.lost);
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, successful } = event.detail;
  if (!successful) return;
  if (!isWaiting(elt) || failures >= FAILURES_UNTIL_SAID) say();
  if (isWaiting(elt)) failures = 0;
});
