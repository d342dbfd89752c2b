// Enter sends, Shift+Enter breaks the line. What was typed goes away only when it has arrived.

const touch = matchMedia("(pointer: coarse)");
const fieldOf = (form) => form?.matches?.(".composer") && form.elements.content;
let sent;
let typed;

document.addEventListener("keydown", (event) => {
  const form = event.target.form;
  if (event.key !== "Enter" || !event.target.matches("textarea[name=content]")) return;
  if (event.shiftKey || event.altKey || event.isComposing || event.keyCode === 229) return;
  if (touch.matches && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  form.requestSubmit();
});

// Before htmx, which listens at the form itself.
document.addEventListener("submit", (event) => {
  const field = fieldOf(event.target);
  if (!field || field.value.trim()) return;
  event.preventDefault();
  event.stopPropagation();
  field.focus();
}, true);

document.addEventListener("htmx:beforeRequest", (event) => {
  const field = fieldOf(event.detail.elt);
  if (!field) return;
  sent = field.value;
  field.form.setAttribute("aria-busy", "true");
  if (!touch.matches) field.focus(); // the button is about to be disabled
});

document.addEventListener("htmx:beforeSwap", (event) => {
  typed = fieldOf(event.detail.target)?.value; // it comes back with errors, and with the text that was sent
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, requestConfig: { elt } } = event.detail;
  if (!fieldOf(elt)) return;
  const field = document.getElementById("content");
  field.form.removeAttribute("aria-busy");
  if (xhr.status === 422) {
    field.value = typed;
    field.focus();
  } else if (xhr.status === 200) {
    field.removeAttribute("aria-invalid");
    if (field.value === sent) field.value = "";
  }
  field.dispatchEvent(new Event("input", { bubbles: true })); // it is counted, and kept
});

document.addEventListener("input", (event) => {
  if (event.target === fieldOf(event.target.form)) count(event.target);
});

function count(field) {
  const limit = Number(field.dataset.limit);
  const length = [...field.value].length;
  const line = field.form.querySelector("[data-count]");
  const number = new Intl.NumberFormat(document.documentElement.lang);
  line.hidden = length < 0.9 * limit;
  line.toggleAttribute("data-over", length > limit);
  line.textContent = `${number.format(length)} / ${number.format(limit)}`;
}
