// Who comes back to a conversation that went on in another tab or on another device sees what has come.

document.addEventListener("visibilitychange", () => {
  const form = document.getElementById("catch-up");
  const last = [...document.querySelectorAll("#log > article")].at(-1);
  if (document.hidden || !form || !last) return;
  form.elements.after.value = last.id.replace("message-", "");
  htmx.trigger(form, "back");
});

// A question put anew there takes the place of the former one, and of its answer.
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  const former = document.getElementById(elt.dataset?.replaces);
  former?.nextElementSibling?.remove();
  former?.remove();
});
