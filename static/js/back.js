// A page that the browser kept as it was is asked for anew: the conversation may have gone on.

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
