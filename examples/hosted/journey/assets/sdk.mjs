// Wraps Klarna's browser SDK and reports its events to the journey. With the built-in Klarna, the parameter
// instruction of the page replaces Klarna's instruction.

const { name, sdk, double } = document.querySelector("aside.journey").dataset;
const wanted = double === undefined ? null : new URLSearchParams(location.search).get("instruction");

function tell(event, result) {
  fetch(`/journey/of/${encodeURIComponent(name)}/browser`, {
    method: "POST",
    keepalive: true, // the page may be about to leave
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ event, result: typeof result === "string" ? result : "" }),
  }).catch(() => {});
}

function obey(presentation) {
  return wanted ? { ...presentation, instruction: wanted } : presentation;
}

export async function KlarnaSDK(config) {
  const { KlarnaSDK: Klarna } = await import(sdk);
  const { Payment } = await Klarna(config);
  for (const event of ["complete", "abort", "error", "shippingaddresschange", "shippingoptionselect"]) {
    Payment.on(event, (detail) => tell(event, detail?.state));
  }
  Payment.on("presentationupdate", (presentation) => tell("presentationupdate", presentation?.instruction));
  return {
    Payment: {
      async presentation(question) {
        const presentation = obey(await Payment.presentation(question));
        tell("presentation", presentation.instruction);
        return presentation;
      },
      on(event, listener) {
        Payment.on(event, event === "presentationupdate" ? (presentation) => listener(obey(presentation)) : listener);
      },
    },
  };
}
