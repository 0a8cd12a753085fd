// Copy a text; keep what is shown up to date; say it when the lab is away, and come back when it does.
"use strict";

const PAUSE = 1500; // milliseconds between two looks
const PATIENCE = 10_000; // for one answer

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, PAUSE);
  });
}

const live = document.getElementById("live");
const banner = document.getElementById("banner");
const parts = [...document.querySelectorAll("[data-live]")];
const away = document.querySelector("[data-away]");
let seen = new Date();

function tell(text) {
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  document.body.classList.toggle("away", Boolean(text));
}

// The parts of a fresh answer in place of the old ones; what a person types or reads meanwhile stays.
function show(fresh) {
  for (const old of parts) {
    const now = fresh.getElementById(old.id);
    if (!now || now.innerHTML === old.innerHTML) continue;
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceChildren(...now.childNodes);
    if (focused) old.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  }
  const token = fresh.querySelector("[name=token]")?.value; // another one where the page was started again
  for (const field of document.querySelectorAll("[name=token]")) field.value = token ?? field.value;
}

async function look() {
  if (document.hidden || !(away || live.checked)) return;
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(PATIENCE) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && away) location.reload();
    else if (answer.ok) {
      show(fresh);
      seen = new Date();
      tell("");
    } else if (!away) {
      const why = fresh.querySelector("[data-away], [data-why]") ?? fresh.body;
      tell(`${why.textContent.trim()}. This is what was seen at ${seen.toLocaleTimeString()}.`);
    }
  } catch {
    if (!away) tell(`The lab page does not answer: was the lab stopped? This is what was seen at ${seen.toLocaleTimeString()}.`);
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
