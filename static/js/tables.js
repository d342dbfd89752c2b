// A table that is wider than its column is scrolled by keyboard, too.

function mark() {
  for (const table of document.querySelectorAll(".message-text table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
    else table.removeAttribute("tabindex");
  }
}

mark();
addEventListener("resize", mark);
document.addEventListener("htmx:afterSettle", mark);
