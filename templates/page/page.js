// Copy an address; follow the records; come back when Kafka does.
"use strict";

const PAUSE = 1000; // milliseconds between two looks

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "copied";
  });
}

const follow = document.getElementById("follow");
if (follow) {
  const shown = document.getElementById("shown");
  const look = async () => {
    if (!follow.checked) return;
    const address = new URL(location.href);
    address.searchParams.set("part", "records");
    try {
      const answer = await fetch(address);
      if (answer.ok) {
        const text = await answer.text();
        if (text !== shown.dataset.last) {
          shown.dataset.last = text;
          shown.innerHTML = text;
        }
      } else if (answer.status === 503) {
        location.reload();
        return;
      }
    } catch { /* the page itself is away: look again */ }
    setTimeout(look, PAUSE);
  };
  follow.addEventListener("change", look);
}

if (document.querySelector("[data-away]")) {
  const look = async () => {
    try {
      if ((await fetch(location.href)).ok) {
        location.reload();
        return;
      }
    } catch { /* the page itself is away: look again */ }
    setTimeout(look, PAUSE);
  };
  setTimeout(look, PAUSE);
}
