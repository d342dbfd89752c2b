// What was left empty is not in the address of a search.

document.addEventListener("htmx:configRequest", ({ detail: { elt, parameters } }) => {
  if (!elt.matches("#search")) return;
  for (const [name, value] of Object.entries(parameters)) if (!value) delete parameters[name];
});

document.addEventListener("formdata", ({ target, formData }) => {
  if (!target.matches("[data-lean]")) return;
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});
