// Browsers open a closed <details> for a fragment in it; older ones do not.

document.addEventListener("click", ({ target }) => {
  const citation = target.closest("a.citation");
  if (citation) document.querySelector(citation.hash).closest("details").open = true;
});
