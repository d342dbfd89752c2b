// A form that needs the notice to be acknowledged first is sent as without script: its page keeps what was typed.

document.addEventListener("htmx:responseError", ({ detail: { xhr, requestConfig: { elt, triggeringEvent } } }) => {
  if (xhr.status !== 428 || !elt.matches("form")) return;
  const { name, value } = triggeringEvent?.submitter ?? {};
  if (name) elt.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  elt.submit();
});
