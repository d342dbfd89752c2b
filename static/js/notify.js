// When an answer comes while the reader is elsewhere: a mark in the title, and a notification for who wants one.
// Nothing of the conversation is in it. Other conversations' answers come as "thread:answered", with their url.

const { notify } = document.documentElement.dataset;
const MARK = "● ";
const OPEN = ["waiting", "answering"];

function tell(conversation) {
  if (!document.hidden) return;
  if (!document.title.startsWith(MARK)) document.title = MARK + document.title;
  if (!notify || window.Notification?.permission !== "granted") return;
  try {
    const name = document.querySelector("[name=application-name]").content;
    const shown = new Notification(name, { body: notify, tag: conversation });
    shown.onclick = () => {
      focus();
      shown.close();
    };
  } catch {
    // phones know notifications of service workers only
  }
}

document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  const now = target.id && document.getElementById(target.id);
  if (now && OPEN.includes(target.dataset.state) && ["done", "failed"].includes(now.dataset.state)) tell(location.pathname);
});
document.addEventListener("thread:answered", ({ detail }) => tell(detail?.url ?? location.pathname));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && document.title.startsWith(MARK)) document.title = document.title.slice(MARK.length);
});

// The preferences: the browser is asked by the click that wants notifications.
const box = document.querySelector("[data-permission-for]");

function say(permission) {
  const line = document.getElementById(box.dataset.permissionFor);
  line.textContent = box.checked ? line.dataset[permission] : "";
}

if (box) {
  const now = () => window.Notification?.permission ?? "none";
  say(now());
  box.addEventListener("change", async () => say(box.checked && now() === "default" ? await Notification.requestPermission() : now()));
}
