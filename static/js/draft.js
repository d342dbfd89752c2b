// What is typed survives reloads and other pages, in this tab alone: until it is sent or given up, or one signs out.

const FIELDS = ":is(#composer, .edit) [name=content]";
const keyAt = (action) => `draft ${document.documentElement.dataset.user} ${action}`;
const keyOf = ({ form }) => keyAt(form.getAttribute("action"));
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

// What was sent as a form has arrived where it stands as a question.
const sent = JSON.parse(sessionStorage.getItem("sent"));
const asked = [...document.querySelectorAll("[data-role=user] .message-text")];
if (sent && asked.some(({ textContent }) => textContent.trim() === sent.text.trim())) {
  sessionStorage.removeItem(sent.key);
  sessionStorage.removeItem("sent");
}

for (const field of document.querySelectorAll(FIELDS)) offer(field);

document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (elt.matches?.("article")) elt.querySelectorAll(FIELDS).forEach(offer);
});

document.addEventListener("input", ({ target }) => {
  if (target.matches(FIELDS)) keep(target);
});

document.addEventListener("click", ({ target }) => {
  const link = target.closest?.(".edit :is([data-escape], [data-carry])");
  if (!link) return;
  const { content } = link.closest("form").elements;
  drop(content);
  if (!link.matches("[data-carry]")) return;
  const composer = keyAt(link.getAttribute("href")); // as its form's action
  const texts = [sessionStorage.getItem(composer), content.value];
  sessionStorage.setItem(composer, texts.filter(Boolean).join("\n\n"));
});

document.addEventListener("htmx:afterRequest", ({ detail: { xhr, requestConfig: { elt } } }) => {
  if (elt.matches(".edit") && xhr.status === 200) drop(elt.elements.content);
});

document.addEventListener("submit", ({ target }) => {
  const { content } = target.elements; // also what the page of the notice carries; not examples' buttons
  if (!target.matches("[hx-post]") && content?.matches?.("input, textarea")) {
    sessionStorage.setItem("sent", JSON.stringify({ key: keyOf(content), text: content.value }));
  }
  if (target.action.endsWith("/logout/")) sessionStorage.clear();
});
