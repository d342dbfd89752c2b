// What is typed survives reloads and other pages, in this tab alone: until it is sent, or one signs out.

const field = document.querySelector("#composer [name=content]");
const keyOf = ({ form }) => `draft ${document.documentElement.dataset.user} ${form.getAttribute("action")}`;

function keep(typed) {
  if (typed.value) sessionStorage.setItem(keyOf(typed), typed.value);
  else sessionStorage.removeItem(keyOf(typed));
}

if (field && !field.value) {
  field.value = sessionStorage.getItem(keyOf(field)) ?? "";
  field.setSelectionRange(field.value.length, field.value.length);
} else if (field) keep(field); // what was refused came back with its text

document.addEventListener("input", ({ target }) => {
  if (target.matches("#composer [name=content]")) keep(target);
});

document.addEventListener("submit", ({ target }) => {
  if (target.matches("#composer:not([hx-post])")) sessionStorage.removeItem(keyOf(target.elements.content));
  if (target.action.endsWith("/logout/")) sessionStorage.clear();
});
