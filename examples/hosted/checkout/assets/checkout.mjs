// The checkout in the browser. Klarna's row is hidden until the SDK has returned the presentation, and hidden
// again after an error. The other payment methods do not need this script.

const form = document.getElementById("checkout");
const { path, status, sdk, clientId, partnerAccountId, currency, locale } = form.dataset;
const amount = Number(form.dataset.amount);
const methods = document.getElementById("methods");
const others = document.getElementById("others");
const klarnaRow = document.getElementById("klarna");
const klarnaChoice = document.getElementById("choose-klarna");
const merchantsOrder = [...methods.children];
const notice = document.getElementById("notice");

let paying = false; // from the customer's click until the SDK says how it ended
let left = false;

function tell(message) {
  notice.querySelector("p").textContent = message;
  notice.hidden = false;
  notice.focus();
}

// leave goes to the server, which redirects the customer to the confirmation, or back to this page with a notice.
// The SDK may report "complete" twice.
function leave(state = "") {
  if (left) return;
  left = true;
  location.assign(`${path}/return?payment_request_state=${encodeURIComponent(state)}`);
}

// ---- Klarna's presentation

function place({ instruction, paymentOption }) {
  if (instruction === "HIDE_KLARNA" || !paymentOption) {
    hideKlarna();
    return;
  }
  for (const slot of klarnaRow.querySelectorAll("[data-part]")) {
    const part = paymentOption[slot.dataset.part];
    slot.replaceChildren();
    slot.hidden = !part;
    part?.component(slot.dataset.part === "paymentButton" ? { initiate } : undefined).mount(slot);
  }
  const only = instruction === "SHOW_ONLY_KLARNA";
  const first = only || instruction === "PRESELECT_KLARNA"; // anything else means SHOW_KLARNA, in the merchant's order
  methods.append(...(first ? [klarnaRow, ...merchantsOrder.filter((row) => row !== klarnaRow)] : merchantsOrder));
  others.hidden = !only;
  if (only) others.append(...[...methods.children].filter((row) => row !== klarnaRow));
  klarnaRow.hidden = false;
  // The customer may already have chosen.
  if (first && !form.querySelector("input[name=choice]:checked")) klarnaChoice.checked = true;
}

function hideKlarna() {
  klarnaRow.hidden = true;
  klarnaChoice.checked = false;
  methods.append(...merchantsOrder);
  others.hidden = true;
}

// ---- Payment

// The SDK calls initiate when the customer clicks Klarna's button. It resolves to the URL at which the payment
// continues, and rejects if the payment cannot continue.
async function initiate({ klarnaNetworkSessionToken, paymentOptionId }) {
  paying = true;
  notice.hidden = true;
  let answer;
  try {
    const response = await fetch(`${path}/initiate`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ klarnaNetworkSessionToken, paymentOptionId }),
      signal: AbortSignal.timeout(60_000),
    });
    answer = await response.json();
    if (response.ok) return answer;
  } catch {
    answer = { message: "The payment could not be started. Please try again in a moment." };
  }
  paying = false;
  tell(answer.message);
  throw new Error(answer.error_code ?? "UNAVAILABLE");
}

function listen(payment) {
  payment.on("complete", () => leave("COMPLETED"));
  payment.on("abort", () => leave());
  payment.on("error", () => {
    if (paying) leave(); // the customer may have paid, so the server decides
    else if (notice.hidden) hideKlarna();
  });
  payment.on("presentationupdate", (presentation) => {
    if (presentation?.instruction) show(() => place(presentation));
  });
}

// show hides Klarna if its presentation cannot be shown.
async function show(work) {
  try {
    await work();
  } catch (error) {
    hideKlarna();
    console.warn("Klarna is not shown:", error);
  }
}

// ---- A payment that this page did not begin: after a reload, or in another tab

async function watch() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    if (paying || left) return;
    if (document.hidden) continue;
    try {
      const response = await fetch(`${path}/status`, { cache: "no-store" });
      if (response.ok && (await response.json()).status !== status) leave();
    } catch {
      // the next attempt may succeed
    }
  }
}

const loading = document.getElementById("loading");

// A page from the browser's back/forward cache is outdated.
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });

if (!notice.hidden) notice.focus();
if (status === "OPEN" || status === "WAITING") watch();
setTimeout(() => { loading.hidden = true; }, 8000);

await show(async () => {
  const { KlarnaSDK } = await import(sdk);
  const klarna = await KlarnaSDK({ clientId, products: ["PAYMENT"], partnerAccountId, locale });
  listen(klarna.Payment);
  place(await klarna.Payment.presentation({ amount, currency, locale, intents: ["PAY"] }));
});
loading.hidden = true;
