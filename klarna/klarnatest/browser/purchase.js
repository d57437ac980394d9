// This script runs on the purchase page if the SDK opened it in a separate window: it reports the
// result to the opener and closes the window. Without JavaScript, and in the customer's own window,
// the forms lead back to the shop.
"use strict";

const { openerOrigin, paymentRequestId, state, shipping, done } = document.body.dataset;

if (window.opener && openerOrigin) {
  const tell = (message) => window.opener.postMessage({ source: "klarna-double", paymentRequestId, ...message }, openerOrigin);
  if (done !== undefined) {
    tell({ type: "done", state });
    window.close();
  } else if (shipping) {
    tell({ type: "shipping", shipping: JSON.parse(shipping) });
  }
  for (const form of document.forms) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "popup", value: "1" });
    form.append(field);
  }
}
