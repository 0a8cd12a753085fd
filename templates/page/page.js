// Copy a text; refresh the page; send forms and keep their input; report when the lab does not respond.
"use strict";

const PAUSE = 1500; // milliseconds between two requests
const TIMEOUT = 30_000; // for one response: the server itself waits for Kafka

const live = document.getElementById("live");
const banner = document.getElementById("banner");
const parts = [...document.querySelectorAll("[data-live]")];
const away = document.querySelector("[data-away]");
let refreshed = new Date();

function report(text) {
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  document.body.classList.toggle("away", Boolean(text || away));
}

async function request(address, options = {}) {
  const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT), ...options });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const why = page.querySelector("[data-away], [data-why]") ?? page.body;
  return { response, page, why: why.textContent.trim().replace(/\.$/, "") };
}

// Replace the parts by those of a new response, except one with selected text; the focus stays where it is.
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
  const token = fresh.querySelector("[name=token]")?.value; // it changes when the page is restarted
  for (const field of document.querySelectorAll("[name=token]")) field.value = token ?? field.value;
}

async function refresh() {
  if (document.hidden || !(away || live.checked)) return;
  const found = await request(location.href).catch(() => null);
  const since = `The page shows the state at ${refreshed.toLocaleTimeString()}.`;
  if (!found) report(away ? "" : `The lab page does not respond: was the lab stopped? ${since}`);
  else if (!found.response.ok) report(away && found.response.status === 503 ? "" : `${found.why}. ${since}`);
  else if (away || found.page.body.dataset.lab !== document.body.dataset.lab) location.replace(found.response.url);
  else {
    refreshed = new Date();
    show(found.page);
    report("");
  }
}

async function keepRefreshing() {
  await refresh();
  setTimeout(keepRefreshing, PAUSE);
}

if (parts.length || away) {
  live.parentElement.hidden = Boolean(away);
  setTimeout(keepRefreshing, PAUSE);
  document.addEventListener("visibilitychange", refresh);
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const refusal = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    button.disabled = true;
    refusal.textContent = "";
    const found = await request(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
    button.disabled = false;
    if (found?.response.ok) location.assign(found.response.url);
    else refusal.textContent = `${found?.why ?? "The lab page does not respond"}.`;
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, PAUSE);
  });
}
