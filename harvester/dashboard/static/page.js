"use strict";
// A range that is drawn on a chart fills the two date fields, which do the same by keyboard, and submits.
for (const svg of document.querySelectorAll("svg[data-brush]")) {
  const days = +svg.dataset.days, form = document.getElementById("range"), view = svg.viewBox.baseVal;
  const name = day => new Date(Date.parse(svg.dataset.first) + day * 864e5).toISOString().slice(0, 10);
  const at = event => {
    const box = svg.getBoundingClientRect();
    return Math.max(0, Math.min(days - 1, Math.floor((event.clientX - box.left) / box.width * days)));
  };
  let from = null, mark = null;
  const draw = to => {
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    mark.setAttribute("x", first * view.width / days);
    mark.setAttribute("width", (last - first + 1) * view.width / days);
    return [first, last];
  };
  svg.addEventListener("pointerdown", event => {
    if (event.button) return;
    from = at(event);
    mark = svg.appendChild(document.createElementNS(svg.namespaceURI, "rect"));
    mark.setAttribute("class", "chosen");
    mark.setAttribute("height", view.height);
    svg.setPointerCapture(event.pointerId);
    draw(from);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", event => { if (from !== null) draw(at(event)); });
  svg.addEventListener("pointercancel", () => { from = null; if (mark) mark.remove(); });
  svg.addEventListener("pointerup", event => {
    if (from === null) return;
    const [first, last] = draw(at(event));
    from = null;
    form.elements.since.value = name(first);
    form.elements.until.value = name(last);
    form.requestSubmit();
  });
}
// A click on the map asks for the posts within 200 km.
for (const svg of document.querySelectorAll("svg[data-map]")) {
  svg.addEventListener("click", event => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal, form = document.getElementById("range");
    const latitude = 90 - (view.y + (event.clientY - box.top) / box.height * view.height) * 0.36;
    const longitude = (event.clientX - box.left) / box.width * 360 - 180;
    form.elements.near.value = `${latitude.toFixed(2)},${longitude.toFixed(2)},200`;
    form.requestSubmit();
  });
}
// Live figures: texts by the id of their element, and lines that are put in front of a list.
const live = document.getElementById("live"), address = document.body.dataset.events;
if (address) {
  const source = new EventSource(address), list = document.getElementById("tail");
  const pause = document.getElementById("pause");
  const now = () => new Date().toISOString().slice(11, 19);
  source.addEventListener("patch", event => {
    for (const [id, text] of Object.entries(JSON.parse(event.data))) {
      const found = document.getElementById(id);
      if (found) found.textContent = text;
    }
    live.textContent = `Live, as of ${now()} UTC.`;
  });
  source.addEventListener("state", event => {
    const { id, word, sign } = JSON.parse(event.data), found = document.getElementById(id);
    if (found) { found.textContent = word; found.className = `state ${sign}`; }
  });
  source.addEventListener("post", event => {
    if (!list || (pause && pause.getAttribute("aria-pressed") === "true")) return;
    const post = JSON.parse(event.data), item = document.createElement("li"), head = document.createElement("b");
    // A stream that is opened again begins where the page did.
    if ([...list.children].some(each => each.dataset.id === post.id)) return;
    head.textContent = post.head;
    item.append(head, document.createElement("br"), post.text);
    item.className = "post";
    // Timelines and searches come newest first.
    item.dataset.at = post.at;
    item.dataset.id = post.id;
    list.insertBefore(item, [...list.children].find(each => each.dataset.at <= post.at) || null);
    while (list.children.length > 100) list.lastElementChild.remove();
  });
  source.addEventListener("error", () => { live.textContent = `Not live, as of ${now()} UTC.`; });
  addEventListener("pagehide", () => source.close());
  if (pause) pause.addEventListener("click", () => {
    const is = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", is);
    pause.textContent = is ? "Continue" : "Pause";
  });
}
for (const log of document.querySelectorAll("pre.end")) log.scrollTop = log.scrollHeight;
