// A conversation opens at its last question, and a new one comes into view. Answers move nobody.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const lastQuestion = () => [...document.querySelectorAll('#log [data-role="user"]')].at(-1);

function show(question, behavior) {
  question?.scrollIntoView({ block: "start", behavior });
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "log") show(lastQuestion(), calm.matches ? "instant" : "smooth");
});

const [navigation] = performance.getEntriesByType("navigation");
if (!location.hash && navigation?.type === "navigate") {
  const question = lastQuestion();
  if (question?.previousElementSibling) show(question, "instant");
}
