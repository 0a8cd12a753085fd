// Copy a text; keep what is shown up to date; send forms without losing what is typed; say it when the lab is away.
"use strict";

const PAUSE = 1500; // milliseconds between two looks
const PATIENCE = 30_000; // for one answer: the server itself waits for Kafka

const live = document.getElementById("live");
const banner = document.getElementById("banner");
const parts = [...document.querySelectorAll("[data-live]")];
const away = document.querySelector("[data-away]");
let seen = new Date();

function tell(text) {
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  document.body.classList.toggle("away", Boolean(text || away));
}

async function ask(address, options = {}) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...options });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const why = page.querySelector("[data-away], [data-why]") ?? page.body;
  return { answer, page, why: why.textContent.trim().replace(/\.$/, "") };
}

// The parts of a fresh answer in place of the old ones, but for what somebody is selecting; the focus stays where it is.
function show(fresh) {
  const selection = getSelection();
  for (const old of parts) {
    const now = fresh.getElementById(old.id);
    if (!now || now.innerHTML === old.innerHTML) continue;
    if (!selection.isCollapsed && old.contains(selection.anchorNode)) continue;
    const focused = old.contains(document.activeElement) && document.activeElement.id;
    old.replaceChildren(...now.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
  const token = fresh.querySelector("[name=token]")?.value; // another one where the page was started again
  for (const field of document.querySelectorAll("[name=token]")) field.value = token ?? field.value;
}

async function look() {
  if (document.hidden || !(away || live.checked)) return;
  const found = await ask(location.href).catch(() => null);
  const since = `This is what was seen at ${seen.toLocaleTimeString()}.`;
  if (!found) tell(away ? "" : `The lab page does not answer: was the lab stopped? ${since}`);
  else if (!found.answer.ok) tell(away && found.answer.status === 503 ? "" : `${found.why}. ${since}`);
  else if (away || found.page.body.dataset.lab !== document.body.dataset.lab) location.replace(found.answer.url);
  else {
    seen = new Date();
    show(found.page);
    tell("");
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, PAUSE);
}

if (parts.length || away) {
  live.parentElement.hidden = Boolean(away);
  setTimeout(keepLooking, PAUSE);
  document.addEventListener("visibilitychange", look);
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const refusal = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    button.disabled = true;
    refusal.textContent = "";
    const found = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
    button.disabled = false;
    if (found?.answer.ok) location.assign(found.answer.url);
    else refusal.textContent = `${found?.why ?? "The lab page does not answer"}.`;
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, PAUSE);
  });
}
