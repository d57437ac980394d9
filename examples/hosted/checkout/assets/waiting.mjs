// Polls the server until it knows the result. What the SDK reported in the browser does not count.

const main = document.getElementById("main");
const { path, status } = main.dataset;

for (;;) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  if (document.hidden) continue;
  try {
    const response = await fetch(`${path}/status`, { cache: "no-store" });
    if (response.ok && (await response.json()).status !== status) {
      location.replace(`${path}/return?payment_request_state=COMPLETED`);
      break;
    }
  } catch {
    // the next attempt may succeed
  }
}
