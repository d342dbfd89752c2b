// What went wrong between browser and server. The texts stand at #notices, in the reader's language.

const FAILURES_UNTIL_SAID = 3; // waiting answers ask again by themselves
let failures = 0;

const notices = () => document.getElementById("notices");
const isWaiting = (elt) => elt.matches("article");
const isQuiet = (elt) => elt.matches("[data-quiet]"); // asks by itself for what nobody waits for

function say(text, kind) {
  notices().textContent = text;
  notices().dataset.kind = kind;
}

function failed(event) {
  const { xhr, requestConfig: { elt } } = event.detail;
  const texts = notices().dataset;
  if (isQuiet(elt)) return;
  if (!isWaiting(elt)) say(texts[xhr.status] ?? (xhr.status ? texts.error : texts.offline), "error");
  else if (++failures >= FAILURES_UNTIL_SAID && !notices().textContent) say(texts.lost, "lost");
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);

document.addEventListener("htmx:afterRequest", (event) => {
  const { successful, requestConfig: { elt } } = event.detail;
  if (!successful || isQuiet(elt)) return;
  if (isWaiting(elt)) failures = 0;
  if (!isWaiting(elt) || notices().dataset.kind === "lost") say("", "");
});
