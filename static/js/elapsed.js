// How long each open answer has been waited for, by the server's clock; after a while, a word about it.

const ahead = Date.now() - Date.parse(document.documentElement.dataset.now);

function tick() {
  for (const time of document.querySelectorAll("time[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - ahead - Date.parse(time.dateTime)) / 1000));
    time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const word = time.closest("article").querySelector("[data-after]");
    if (word?.hidden && seconds >= word.dataset.after) word.hidden = false;
  }
}

tick();
setInterval(tick, 1000);
document.addEventListener("htmx:afterSettle", tick);
