// With JavaScript, the page updates itself, sends forms without a reload, and has copy buttons.
// Without JavaScript, each form works and leads back to the page.
"use strict";

const every = 1000; // milliseconds between two updates

// seen are the keys of the elements that were shown before, so that new ones can be marked.
const seen = new Set();
for (const e of document.querySelectorAll("[data-key]")) seen.add(e.dataset.key);

function addCopyButtons(part) {
  if (!navigator.clipboard) return;
  for (const code of part.querySelectorAll("dd > code, pre > code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    const label = code.closest("div")?.querySelector("dt")?.textContent ?? "the command";
    button.setAttribute("aria-label", "Copy " + label);
    (code.parentElement.matches("pre") ? code.parentElement : code).after(button);
  }
}

// isBusy reports whether the user is editing in a part, which is then not updated.
function isBusy(part) {
  const at = document.activeElement;
  return part.contains(at) && at.matches("input, select, textarea");
}

const shown = new Map(); // the HTML of each part as the server sent it

function follow(html) {
  const next = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of next.querySelectorAll("[data-live]")) {
    const old = document.getElementById(fresh.id);
    if (!old || shown.get(fresh.id) === fresh.outerHTML || isBusy(old)) continue;
    shown.set(fresh.id, fresh.outerHTML);
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    for (const open of old.querySelectorAll("details[open][id]")) {
      fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
    }
    for (const e of fresh.querySelectorAll("[data-key]")) {
      if (!seen.has(e.dataset.key)) e.classList.add("fresh");
      seen.add(e.dataset.key);
    }
    addCopyButtons(fresh);
    old.replaceWith(fresh);
    if (focused) {
      const again = document.getElementById(focused) ?? fresh; // if the button is gone, its part gets the focus
      if (again === fresh) fresh.tabIndex = -1;
      again.focus({ preventScroll: true });
    }
  }
  return next;
}

for (const part of document.querySelectorAll("[data-live]")) {
  shown.set(part.id, part.outerHTML);
}
addCopyButtons(document);

const gone = document.getElementById("gone");
let tag = "";
async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/sandbox/live", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.ok) {
        tag = answer.headers.get("ETag") ?? "";
        follow(await answer.text());
      }
      gone.hidden = true;
    } catch {
      gone.hidden = false; // it may come back
    }
  }
  setTimeout(look, every);
}
setTimeout(look, every);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  event.submitter?.setAttribute("aria-busy", "true");
  try {
    // form.action would be the button with the name action
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form, event.submitter)) });
    if (document.activeElement !== event.submitter) document.activeElement?.blur(); // otherwise its part would not be updated
    const notice = follow(await answer.text()).querySelector("#notice .notice");
    document.getElementById("notice").replaceChildren(...(notice ? [notice] : []));
    if (notice && !notice.matches(".bad")) form.reset();
  } catch {
    gone.hidden = false;
  } finally {
    event.submitter?.removeAttribute("aria-busy");
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const code = button.parentElement.querySelector(":scope > code") ?? button.previousElementSibling.querySelector("code");
  await navigator.clipboard.writeText(code.textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});
