// Copies what a link leads to, or its address, and says so where the reader is. Without a clipboard, it stays a link.

const plain = (text) => new Blob([text], { type: "text/plain" });

async function fetched(url) {
  const response = await fetch(url, { redirect: "error" }); // who is signed out is sent elsewhere
  if (!response.ok) throw new Error(response.status);
  return plain(await response.text());
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-copy]");
  if (!link || !navigator.clipboard?.write || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const status = link.closest(".tools").querySelector(".tools-said");
  status.textContent = "";
  // The promise, not the text: browsers want to be asked within the click.
  const text = link.dataset.copy ? Promise.resolve(plain(link.href)) : fetched(link.href);
  try {
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
    status.textContent = status.dataset.copied;
  } catch {
    status.textContent = status.dataset.failed;
  }
});
