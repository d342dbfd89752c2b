// A conversation opens at its last question, and a new one comes into view. Answers move nobody, nor does what
// is loaded from before: that happens as one comes near to it.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const NEAR = 600; // pixels
const lastQuestion = () => [...document.querySelectorAll('#log [data-role="user"]')].at(-1);
const earlier = () => document.getElementById("earlier");
let stays;

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.requestConfig?.elt.matches("#composer")) {
    lastQuestion()?.scrollIntoView({ block: "start", behavior: calm.matches ? "instant" : "smooth" });
  }
});

addEventListener("scroll", () => {
  const link = earlier()?.firstElementChild;
  if (link && scrollY < NEAR) htmx.trigger(link, "reached");
}, { passive: true });

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target } = event.detail;
  if (target !== earlier()) return;
  const message = document.querySelector("article");
  stays = { message, top: message.getBoundingClientRect().top, focused: target.contains(document.activeElement) };
});

document.addEventListener("htmx:afterSwap", () => {
  if (!stays) return;
  const { message, top, focused } = stays;
  stays = undefined;
  const all = [...document.querySelectorAll("article")];
  if (focused) all[all.indexOf(message) - 1]?.focus({ preventScroll: true });
  // Browsers that keep the place by themselves have done so by then.
  requestAnimationFrame(() => scrollBy({ top: message.getBoundingClientRect().top - top, behavior: "instant" }));
});

const [navigation] = performance.getEntriesByType("navigation");
if (!location.hash && !history.state?.place && navigation?.type === "navigate") {
  const question = lastQuestion();
  const isFirst = question === document.querySelector("article") && !earlier();
  if (question && !isFirst) question.scrollIntoView({ block: "start", behavior: "instant" });
}
