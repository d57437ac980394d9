// A test double of the part of Klarna's browser SDK that a checkout uses: presentation, its
// components, the payment button and the events. No money moves. Documented names are Klarna's.
// This file chooses the look of components, the window in which the payment opens and the content
// of events.
//
// A page's Content-Security-Policy needs this file's origin in script-src and connect-src and
// nothing unsafe. A Cross-Origin-Opener-Policy must be same-origin-allow-popups: under same-origin
// an open window looks closed.

const home = new URL(import.meta.url).origin;
const finalStates = new Set(["COMPLETED", "DECLINED", "CANCELED", "EXPIRED"]);
const pollEvery = 500; // ms

/** Returns the object that Klarna's SDK returns. It works with and without await. */
export function KlarnaSDK({ clientId, products = ["PAYMENT"], partnerAccountId, locale, klarnaNetworkSessionToken } = {}) {
  if (typeof clientId !== "string" || clientId === "") throw new TypeError("KlarnaSDK: clientId is missing");
  const klarna = {};
  if (products.includes("PAYMENT")) {
    klarna.Payment = newPayment({ clientId, partnerAccountId, locale, klarnaNetworkSessionToken });
  }
  return Object.assign(Promise.resolve(klarna), klarna);
}

export default KlarnaSDK;

function newPayment(config) {
  const listeners = new Map();
  let asked; // the parameters of the last presentation
  let last; // its result
  let busy = false; // one payment at a time, for all buttons together

  function emit(type, detail) {
    if (type === "error" && !listeners.get(type)?.size) console.error(detail); // no listener reports it
    for (const callback of [...(listeners.get(type) ?? [])]) {
      try {
        callback(detail);
      } catch (error) {
        reportError(error); // an error of one listener must not skip the others
      }
    }
  }

  async function present() {
    const query = { amount: asked.amount, currency: asked.currency, locale: asked.locale, "intents[]": asked.intents };
    last = await ask(config, "presentation", query, config.klarnaNetworkSessionToken);
    const { paymentOption, ...rest } = last;
    return paymentOption ? { ...rest, paymentOption: dress(paymentOption, pay) } : rest;
  }

  // The payment may have changed the presentation.
  async function presentAgain() {
    const before = JSON.stringify(last);
    const now = await present();
    if (JSON.stringify(last) !== before) emit("presentationupdate", now);
  }

  async function pay(paymentOptionId, { initiate, initiationMode }) {
    if (busy) return;
    busy = true;
    // The window must open during the click, before the answer is known, or the browser blocks it.
    const popup = initiationMode === "REDIRECT" || smallScreen() ? null : openWindow();
    try {
      const answer = await initiate({ klarnaNetworkSessionToken: config.klarnaNetworkSessionToken, paymentOptionId });
      if (answer?.returnUrl) {
        popup?.close();
        location.assign(webAddress(answer.returnUrl));
        return;
      }
      const request = await find(config, answer);
      if (!popup) {
        location.assign(request.url);
        return;
      }
      if (location.origin !== "null") request.url.searchParams.set("origin", location.origin);
      if (!popup.closed) popup.location.replace(request.url);
      await conclude(await customerDone(config, request, popup, shippingChanges()));
    } catch (error) {
      popup?.close();
      emit("error", error instanceof Error ? error : new Error(String(error)));
    } finally {
      busy = false;
    }
  }

  // The page in the window reports the shipping each time it is shown. The shop's callbacks are
  // called only for changes.
  function shippingChanges() {
    const known = {};
    const changed = (type, about, what) => {
      const now = JSON.stringify(what);
      if (known[type] !== now) emit(type, { ...about, ...what });
      known[type] = now;
    };
    return ({ paymentRequestId, shipping }) => {
      const { amount, address, ...option } = camel(shipping);
      changed("shippingoptionselect", { paymentRequestId, amount }, option);
      changed("shippingaddresschange", { paymentRequestId, amount }, { address });
    };
  }

  async function conclude({ paymentRequestId, state, duplicateComplete }) {
    const detail = { paymentRequestId, state };
    if (state !== "COMPLETED") {
      emit("abort", detail);
      await presentAgain();
      return;
    }
    emit("complete", detail);
    if (duplicateComplete) setTimeout(() => emit("complete", { ...detail }));
  }

  return {
    async presentation({ amount, currency, locale = config.locale, intents = ["PAY"] }) {
      asked = { amount, currency, locale, intents };
      return present();
    },
    on(type, callback) {
      if (!listeners.has(type)) listeners.set(type, new Set());
      listeners.get(type).add(callback);
    },
    off(type, callback) {
      listeners.get(type)?.delete(callback);
    },
  };
}

// ---- The payment in its window

function smallScreen() {
  return matchMedia("(max-width: 600px)").matches;
}

function openWindow() {
  const [width, height] = [Math.min(520, screen.availWidth), Math.min(820, screen.availHeight)];
  const left = Math.max(0, Math.round(screenX + (outerWidth - width) / 2));
  const top = Math.max(0, Math.round(screenY + (outerHeight - height) / 2));
  const popup = open("about:blank", "", `popup,width=${width},height=${height},left=${left},top=${top}`);
  if (popup) {
    popup.document.title = "Klarna double";
    popup.document.body.textContent = "One moment, please …";
  }
  return popup; // null if the browser blocks windows
}

// find returns the payment request in the answer of the page's server.
async function find(config, answer) {
  if (answer?.paymentRequestUrl) {
    const url = webAddress(answer.paymentRequestUrl);
    return { id: url.pathname.split("/").pop(), url };
  }
  if (answer?.paymentRequestId) {
    const { paymentRequestUrl } = await ask(config, `payment-requests/${encodeURIComponent(answer.paymentRequestId)}`);
    return { id: answer.paymentRequestId, url: webAddress(paymentRequestUrl) };
  }
  throw new TypeError("initiate must resolve to paymentRequestUrl, paymentRequestId or returnUrl");
}

function webAddress(text) {
  const url = new URL(text, location.href);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new TypeError("initiate must resolve to an http or https address");
  return url;
}

// customerDone waits until the payment request reaches a final state or the window is closed, and
// then reads the state.
async function customerDone(config, request, popup, shippingChanged) {
  let told = false;
  let wake = () => {};
  const listen = ({ source, origin, data }) => {
    if (source !== popup || origin !== request.url.origin || data?.source !== "klarna-double") return;
    if (data.type === "shipping") shippingChanged(data);
    if (data.type === "done") told = true;
    wake();
  };
  addEventListener("message", listen);
  try {
    for (;;) {
      const over = told || popup.closed;
      try {
        const now = await ask(config, `payment-requests/${encodeURIComponent(request.id)}`);
        if (over || finalStates.has(now.state)) {
          popup.close();
          return now;
        }
      } catch (error) {
        if (over) throw error; // otherwise the next read may succeed
      }
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, told ? 0 : pollEvery);
      });
    }
  } finally {
    removeEventListener("message", listen);
  }
}

// ---- The server's answers

async function ask(config, path, query = {}, sessionToken) {
  const url = new URL(`/browser/${path}`, home);
  const all = { client_id: config.clientId, partner_account_id: config.partnerAccountId, ...query };
  for (const [name, values] of Object.entries(all)) {
    for (const value of [values].flat()) if (value !== undefined) url.searchParams.append(name, value);
  }
  const headers = sessionToken ? { "Klarna-Network-Session-Token": sessionToken } : {};
  const response = await fetch(url, { headers, cache: "no-store", credentials: "omit" });
  const body = await response.json();
  if (response.ok) return camel(body);
  const wrong = (body.validation_errors ?? []).map(({ parameter, reason }) => `; ${parameter} ${reason}`);
  throw new Error(`Klarna double: ${body.error_message}${wrong.join("")}`);
}

function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== "object") return value;
  const name = (snake) => snake.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), camel(inner)]));
}

// ---- Components

function dress(option, pay) {
  const texts = ["header", "subheader", "badge", "message", "terms"].filter((name) => option[name]);
  const dressed = { paymentOptionId: option.paymentOptionId };
  for (const name of texts) {
    dressed[name] = { ...option[name], component: () => component(name, ...nodes(option[name])) };
  }
  dressed.icon = { ...option.icon, component: () => component("icon", icon(option.icon?.alt)) };
  dressed.paymentButton = {
    ...option.paymentButton,
    component: (options) => paymentButton(option, options, pay),
  };
  return dressed;
}

// component returns a custom element with its own style, which needs no unsafe-inline in the page's
// policy.
function component(name, ...content) {
  const element = document.createElement(`klarna-double-${name}`);
  const root = element.attachShadow({ mode: "open", delegatesFocus: true });
  root.adoptedStyleSheets = [styles()];
  root.append(...content);
  element.mount = (target) => {
    const place = typeof target === "string" ? document.querySelector(target) : target;
    if (!place) throw new Error(`Klarna double: cannot mount the ${name}: ${target} does not exist`);
    place.append(element);
    return element;
  };
  element.unmount = () => {
    element.remove();
    return element;
  };
  return element;
}

function paymentButton(option, { initiate, initiationMode } = {}, pay) {
  if (typeof initiate !== "function") throw new TypeError("Klarna double: the payment button needs initiate");
  const button = document.createElement("button");
  button.type = "button";
  button.append(icon(), option.paymentButton?.text ?? "Pay with Klarna");
  const element = component("payment-button", button);
  element.addEventListener("click", async () => {
    button.ariaBusy = button.ariaDisabled = "true"; // not disabled, which would take the focus away
    await pay(option.paymentOptionId, { initiate, initiationMode });
    button.ariaBusy = button.ariaDisabled = null;
  });
  return element;
}

// nodes renders a Text in either of its forms, never as HTML.
function nodes({ text, parts }) {
  if (!parts) return [text ?? ""];
  return parts.map((part) => {
    let node = document.createTextNode(part.text ?? "");
    if (part.type === "LINK" && /^https?:/i.test(part.url)) {
      const a = document.createElement("a");
      Object.assign(a, { href: part.url, target: "_blank", rel: "noopener" });
      a.append(node);
      node = a;
    }
    for (const style of part.styles ?? []) {
      const tag = { BOLD: "strong", ITALIC: "em", UNDERLINE: "u" }[style];
      if (!tag) continue;
      const wrap = document.createElement(tag);
      wrap.append(node);
      node = wrap;
    }
    return node;
  });
}

// icon draws a sign that is no trademark. Without alt it is decorative.
function icon(alt) {
  const draw = (tag, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const label = alt ? { role: "img", "aria-label": alt } : { "aria-hidden": "true" };
  return draw("svg", { viewBox: "0 0 32 32", width: 28, height: 28, ...label },
    draw("rect", { width: 32, height: 32, rx: 8, fill: "#0b5d4e" }),
    draw("path", {
      d: "M11 8v16M22 8l-10 8.5L22 24", fill: "none", stroke: "#fff", "stroke-width": 3.5,
      "stroke-linecap": "round", "stroke-linejoin": "round",
    }));
}

let sheet;

function styles() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      :host { display: block; font: inherit; color: inherit; overflow-wrap: anywhere; }
      :host(klarna-double-icon), :host(klarna-double-header), :host(klarna-double-badge) { display: inline-block; }
      :host([hidden]) { display: none; }
      svg { display: block; flex: none; }
      a { color: inherit; text-underline-offset: .2em; }
      button {
        display: flex; align-items: center; justify-content: center; gap: .625rem;
        width: 100%; min-height: 48px; padding: .5rem 1.25rem; border: 1px solid #0b5d4e; border-radius: 12px;
        background: #0b5d4e; color: #fff; font: inherit; font-weight: 600; cursor: pointer;
      }
      button:hover { background: #084a3e; }
      button[aria-disabled="true"] { background: #52605b; border-color: #52605b; cursor: progress; }
      /* Two rings, so that one of them shows on any page. */
      :focus-visible { outline: 2px solid #fff; outline-offset: 0; box-shadow: 0 0 0 5px #0b5d4e; border-radius: 12px; }
      a:focus-visible { border-radius: 2px; }
      @media (forced-colors: active) { :focus-visible { outline-color: Highlight; } }
    `);
  }
  return sheet;
}
