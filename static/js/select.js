// What is to be replaced is selected: one types, or moves the cursor.

document.addEventListener("htmx:load", ({ detail: { elt } }) => elt.querySelector?.("[data-select]")?.select());
