// Draws the steps of the journey that the server sends.

const panel = document.querySelector("aside.journey");
const list = panel.querySelector("ol");
const scroll = panel.querySelector(".scroll");
const blank = panel.querySelector("template").content;

function draw(step) {
  let item = list.querySelector(`[data-number="${step.number}"]`);
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48;
  if (!item) {
    item = blank.cloneNode(true).firstElementChild;
    item.dataset.number = step.number;
    list.append(item);
  }
  item.className = step.class + (step.good ? "" : " bad");
  const write = (part, text) => { item.querySelector(`[data-part="${part}"]`).textContent = text; };
  write("who", `${step.from} to ${step.to}:`);
  write("call", step.call);
  write("with", step.with);
  write("result", step.result || "…");
  write("times", step.times > 1 ? `× ${step.times}` : "");
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

// A browser has few connections for one site, so hidden pages close theirs.
let stream;

function listen() {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
  } else if (!stream) {
    stream = new EventSource(`/journey/of/${encodeURIComponent(panel.dataset.name)}/events`);
    stream.onmessage = ({ data }) => draw(JSON.parse(data));
  }
}

document.addEventListener("visibilitychange", listen);
addEventListener("pagehide", () => stream?.close());
scroll.scrollTop = scroll.scrollHeight;
listen();
