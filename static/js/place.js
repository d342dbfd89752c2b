// Who comes back to a page that loads more as one reads goes on where she was: by what stood there, not by pixels.
// Each entry of the browser's history keeps its own place. What the page no longer shows is asked for by its address.

const reading = document.querySelector("[data-place]");
const PARTS = ".message, .threads-row";
const ABOVE = 10; // rows of a list that are loaded above its place

const idOf = (part) => part?.id.slice(part.id.indexOf("-") + 1) ?? "";
const topOf = (part) => part.getBoundingClientRect().top;
let late;
let leaves = false;

function keep() {
  if (leaves) return;
  const all = [...reading.querySelectorAll(PARTS)];
  const at = all.findIndex((part) => part.getBoundingClientRect().bottom > 0);
  if (at < 0) return;
  const place = { id: all[at].id, top: topOf(all[at]), above: idOf(all[at - ABOVE]) };
  history.replaceState({ ...history.state, place }, "");
}

// Browsers count how often an entry is changed.
function soon() {
  clearTimeout(late);
  late = setTimeout(keep, 150);
}

function restore() {
  const { id, top, above } = history.state?.place ?? {};
  const part = id && document.getElementById(id);
  if (part) scrollBy({ top: topOf(part) - top, behavior: "instant" });
  else if (id) ask(reading.dataset.place, id, above);
}

function ask(name, id, above) {
  const part = name === "around" ? idOf({ id }) : above;
  const query = part && `?${name}=${part}`;
  if (location.search === query) return; // it is gone
  history.replaceState(history.state, "", `${location.pathname}${query}${name === "around" ? `#${id}` : ""}`);
  leaves = true; // until it does, nothing here is where she reads
  location.reload();
}

if (reading) {
  history.scrollRestoration = "manual";
  restore();
  soon();
  addEventListener("popstate", restore);
  addEventListener("scroll", soon, { passive: true });
  addEventListener("click", keep, { capture: true }); // a link may lead away within the page
}
