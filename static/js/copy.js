// Copies what a link leads to, or its address, and says so where the reader is. Without a clipboard, it stays a link.

const PLAIN = "text/plain";
const HTML = "text/html";

async function fetched(url, type) {
  const response = await fetch(url, { redirect: "error" }); // who is signed out is sent elsewhere
  if (!response.ok) throw new Error(response.status);
  return new Blob([await response.text()], { type });
}

// Promises, not texts: browsers want to be asked within the click.
function copied({ href, dataset: { copy, copyHtml } }) {
  if (copy) return { [PLAIN]: Promise.resolve(new Blob([href], { type: PLAIN })) };
  const plain = { [PLAIN]: fetched(href, PLAIN) };
  const all = copyHtml ? { ...plain, [HTML]: fetched(copyHtml, HTML) } : plain;
  for (const promise of Object.values(all)) promise.catch(() => {}); // one that failed is enough
  return all;
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-copy]");
  if (!link || !navigator.clipboard?.write || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const status = link.closest(".tools").querySelector(".tools-said");
  status.textContent = "";
  const menu = link.closest("[data-menu]");
  menu?.removeAttribute("open");
  menu?.querySelector("summary").focus();
  try {
    await navigator.clipboard.write([new ClipboardItem(copied(link))]);
    status.textContent = status.dataset.copied;
  } catch {
    status.textContent = status.dataset.failed;
  }
});
