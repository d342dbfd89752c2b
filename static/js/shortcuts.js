// Shortcuts of one key, as /shortcuts/ lists them. The reader can turn them off.

const HELP = "/shortcuts/";
const FIELD = "input, textarea, select, [contenteditable]";
const messages = () => [...document.querySelectorAll("article.message")];
const focused = () => document.activeElement.closest("article.message");

// The focused message, for a question its answer; else the last one that has such a thing.
function nearest(selector) {
  const here = focused();
  const next = here?.dataset.role === "user" && here.nextElementSibling;
  const candidates = here ? [here, next] : messages().reverse();
  return candidates.find((message) => message && message.querySelector(selector));
}

function move(step) {
  const all = messages();
  const at = all.indexOf(focused());
  const inView = all.findIndex((message) => message.getBoundingClientRect().bottom > 0);
  const to = all[at < 0 ? inView : at + step];
  to?.focus({ preventScroll: true });
  to?.scrollIntoView({ block: "start" });
}

function toggleSources() {
  const sources = [...(nearest("details.source")?.querySelectorAll("details.source") ?? [])];
  const open = sources.some((source) => !source.open);
  for (const source of sources) source.open = open;
}

function search() {
  const field = [...document.querySelectorAll('input[type="search"][name="q"]')].find((each) => each.checkVisibility());
  if (field) field.select();
  field ? field.focus() : location.assign("/search/");
}

function create() {
  const link = document.querySelector('[data-shortcut="n"]');
  link ? link.click() : location.assign("/");
}

async function help() {
  const response = await fetch(HELP, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok || response.headers.has("HX-Redirect")) return location.assign(HELP);
  const sheet = document.createElement("dialog");
  sheet.className = "sheet";
  sheet.setAttribute("aria-labelledby", "shortcuts");
  sheet.innerHTML = await response.text();
  sheet.addEventListener("close", () => sheet.remove());
  document.body.append(sheet);
  sheet.showModal();
}

const click = (selector) => document.querySelector(selector)?.click();

const KEYS = {
  "/": search,
  n: create,
  j: () => move(1),
  k: () => move(-1),
  o: toggleSources,
  c: () => nearest("[data-copy]")?.querySelector("[data-copy]").click(),
  e: () => [...document.querySelectorAll("[data-edit]")].at(-1)?.click(),
  J: () => click('a[rel="next"]'),
  K: () => click('a[rel="prev"]'),
  f: () => click("#flag"),
  "?": help,
};

document.addEventListener("keydown", (event) => {
  if (document.documentElement.dataset.shortcuts === "off" || !Object.hasOwn(KEYS, event.key)) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.keyCode === 229) return;
  if (event.target.closest?.(FIELD) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  KEYS[event.key]();
});
