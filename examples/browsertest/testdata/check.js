// What the accessibility check finds on a page, as a list of sentences. It is an expression.
(() => {
  const found = [];

  // ---- What there is, in open shadow roots too

  const elements = [];
  (function walk(node) {
    for (const e of node.children) {
      elements.push(e);
      walk(e);
      if (e.shadowRoot) walk(e.shadowRoot);
    }
  })(document);
  const parent = (e) => e.assignedSlot ?? e.parentElement ?? e.getRootNode().host ?? null;
  const name = (e) => `<${e.localName}${e.id ? "#" + e.id : ""}${e.classList.length ? "." + [...e.classList].join(".") : ""}>`;
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const hiddenFromSight = (e) => {
    for (let at = e; at; at = parent(at)) {
      const { clipPath, position } = getComputedStyle(at);
      if (clipPath === "inset(50%)" && position === "absolute") return true;
    }
    return false;
  };

  // ---- Structure

  const count = (selector) => elements.filter((e) => e.matches(selector) && seen(e)).length;
  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title.trim()) found.push("the page has no title");
  for (const [selector, what] of [["h1", "h1"], ["main", "main landmark"], ["body > header", "banner"], ["body > footer", "contentinfo"]]) {
    if (count(selector) !== 1) found.push(`there are ${count(selector)} of ${what}`);
  }
  if (!document.querySelector('meta[name=viewport][content*="width=device-width"]')) found.push("no viewport for phones");
  let level = 0;
  for (const h of elements.filter((e) => /^h[1-6]$/.test(e.localName) && seen(e))) {
    const next = Number(h.localName[1]);
    if (next > level + 1) found.push(`${name(h)} "${h.textContent}" skips a level`);
    level = next;
  }
  for (const aside of elements.filter((e) => e.matches("aside, section, [role=region], nav") && seen(e))) {
    const label = aside.ariaLabel ?? document.getElementById(aside.getAttribute("aria-labelledby"))?.textContent;
    if (!label?.trim()) found.push(`the landmark ${name(aside)} has no name`);
  }
  const ids = new Set();
  for (const e of elements.filter((e) => e.id && e.getRootNode() === document)) {
    if (ids.has(e.id)) found.push(`the id ${e.id} is there twice`);
    ids.add(e.id);
  }
  for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const e of elements.filter((e) => e.hasAttribute(attribute))) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) if (!ids.has(id)) found.push(`${name(e)} refers to ${id}, which is not there`);
    }
  }
  for (const e of elements.filter((e) => e.localName === "img")) if (!e.hasAttribute("alt")) found.push(`${name(e)} has no alt`);
  for (const e of elements.filter((e) => e.localName === "img")) if (e.complete && e.naturalWidth === 0) found.push(`${name(e)} ${e.src} does not load`);
  for (const e of elements.filter((e) => e.localName === "fieldset")) if (!e.querySelector("legend")) found.push(`${name(e)} has no legend`);
  for (const e of elements.filter((e) => e.tabIndex > 0)) found.push(`${name(e)} jumps the queue of the focus`);
  for (const e of elements) {
    if (e.hasAttribute("style") || [...e.attributes].some((a) => a.name.startsWith("on"))) found.push(`${name(e)} has something inline`);
  }

  // ---- Size: WCAG 2.2, 2.5.8, except for links in a text

  const controls = elements.filter((e) => e.matches("a[href], button, input:not([type=hidden]), summary, select, textarea") && seen(e) && !hiddenFromSight(e));
  for (const e of controls) {
    const target = e.matches("input[type=radio]") ? document.querySelector(`label[for="${e.id}"]`) ?? e : e;
    const { width, height } = target.getBoundingClientRect();
    const inText = e.localName === "a" && getComputedStyle(e).display === "inline" && [...e.parentNode.childNodes].some((n) => n !== e && n.textContent.trim());
    if (!inText && (width < 24 || height < 24)) found.push(`${name(e)} "${e.textContent.trim()}" is only ${Math.round(width)} × ${Math.round(height)}`);
  }

  // ---- Width

  if (document.documentElement.scrollWidth > innerWidth) {
    const widest = elements.filter((e) => seen(e) && e.getBoundingClientRect().right > innerWidth + 1).map(name).slice(-3);
    found.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} of ${innerWidth}, for ${widest.join(" ")}`);
  }

  // ---- Contrast: WCAG 1.4.3, from computed styles

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], a: a / 255 };
  };
  const over = (top, bottom) => top.rgb.map((c, i) => c * top.a + bottom[i] * (1 - top.a));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = parent(at)) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color.a === 1) break;
    }
    const canvasColor = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, layer) => over(layer, below), canvasColor);
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  let measured = 0;
  for (const e of elements.filter((e) => seen(e) && !hiddenFromSight(e))) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join(" ").trim();
    if (!text || e.matches("script, style, noscript, template")) continue;
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const below = ground(e);
    const got = ratio(over(rgba(style.color), below), below);
    measured++;
    if (got < least) found.push(`"${text}" in ${name(e)} has a contrast of ${got.toFixed(2)}, less than ${least}`);
  }
  if (measured === 0) found.push("no text was measured");
  return found;
})()
