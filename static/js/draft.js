// What is typed survives reloads and other pages, in this tab alone: until it is sent or given up, or one signs out.

const FIELDS = ":is(#composer, .edit) [name=content]";
const keyOf = ({ form }) => `draft ${document.documentElement.dataset.user} ${form.getAttribute("action")}`;
const drop = (field) => field && sessionStorage.removeItem(keyOf(field));

function keep(field) {
  if (field.value) sessionStorage.setItem(keyOf(field), field.value);
  else drop(field);
}

function offer(field) {
  if (field.matches("[aria-invalid]")) return keep(field); // what was refused came back with its text
  const draft = sessionStorage.getItem(keyOf(field));
  if (!draft) return;
  field.value = draft;
  field.setSelectionRange(draft.length, draft.length);
}

for (const field of document.querySelectorAll(FIELDS)) offer(field);

document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (elt.matches?.("article")) elt.querySelectorAll(FIELDS).forEach(offer);
});

document.addEventListener("input", ({ target }) => {
  if (target.matches(FIELDS)) keep(target);
});

document.addEventListener("click", ({ target }) => {
  if (target.closest?.(".edit [data-escape]")) drop(target.closest("form").elements.content);
});

document.addEventListener("htmx:afterRequest", ({ detail: { xhr, requestConfig: { elt } } }) => {
  if (elt.matches(".edit") && xhr.status === 200) drop(elt.elements.content);
});

document.addEventListener("submit", ({ target }) => {
  const { content } = target.elements; // also what the page of the notice carries; not examples' buttons
  if (!target.matches("[hx-post]") && content?.matches?.("input, textarea")) drop(content);
  if (target.action.endsWith("/logout/")) sessionStorage.clear();
});
