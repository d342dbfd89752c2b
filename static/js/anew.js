// A question is edited where it stands: the form has the focus, then the new question, or again what opened the form.

const calm = matchMedia("(prefers-reduced-motion: reduce)");

document.addEventListener("htmx:afterSwap", (event) => {
  const { requestConfig: { elt, verb }, target } = event.detail;
  if (!elt.matches("[data-anew]")) return;
  const field = document.querySelector(".edit textarea");
  if (field) {
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  } else if (verb === "get") {
    document.getElementById(target.id.replace("message", "edit"))?.focus();
  } else {
    const question = [...document.querySelectorAll('#log [data-role="user"]')].at(-1);
    question.focus({ preventScroll: true });
    question.scrollIntoView({ block: "start", behavior: calm.matches ? "instant" : "smooth" });
  }
});
