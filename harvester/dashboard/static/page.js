"use strict";
const byId = id => document.getElementById(id), form = byId("range");
const on = (target, name, act) => target.addEventListener(name, act);
// A range drawn on a chart fills the two date fields, which do the same by keyboard, and submits.
for (const svg of document.querySelectorAll("svg[data-brush]")) {
  const days = +svg.dataset.days, view = svg.viewBox.baseVal;
  const name = day => new Date(Date.parse(svg.dataset.first) + day * 864e5).toISOString().slice(0, 10);
  const at = event => {
    const box = svg.getBoundingClientRect();
    return Math.max(0, Math.min(days - 1, Math.floor((event.clientX - box.left) / box.width * days)));
  };
  let from = null, mark = null;
  const draw = to => {
    const first = Math.min(from, to), last = Math.max(from, to);
    mark.setAttribute("x", first * view.width / days);
    mark.setAttribute("width", (last - first + 1) * view.width / days);
    return [first, last];
  };
  on(svg, "pointerdown", event => {
    if (event.button) return;
    from = at(event);
    mark = svg.appendChild(document.createElementNS(svg.namespaceURI, "rect"));
    mark.setAttribute("class", "chosen");
    mark.setAttribute("height", view.height);
    svg.setPointerCapture(event.pointerId);
    draw(from);
    event.preventDefault();
  });
  on(svg, "pointermove", event => { if (from !== null) draw(at(event)); });
  on(svg, "pointercancel", () => { from = null; mark?.remove(); });
  on(svg, "pointerup", event => {
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
  on(svg, "click", event => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    const north = 90 - (view.y + (event.clientY - box.top) / box.height * view.height) * 0.36;
    const east = (event.clientX - box.left) / box.width * 360 - 180;
    form.elements.near.value = `${north.toFixed(2)},${east.toFixed(2)},200`;
    form.requestSubmit();
  });
}
// Live figures: texts by the id of their element, and lines put in front of a list.
const live = byId("live"), address = document.body.dataset.events;
if (address) {
  const source = new EventSource(address), list = byId("tail"), pause = byId("pause");
  const create = name => document.createElement(name);
  const isPaused = () => pause?.getAttribute("aria-pressed") === "true";
  const now = () => new Date().toISOString().slice(11, 19);
  on(source, "patch", event => {
    for (const [id, text] of Object.entries(JSON.parse(event.data))) {
      const found = byId(id);
      if (found) found.textContent = text;
    }
    live.textContent = `Live, as of ${now()} UTC.`;
  });
  on(source, "state", event => {
    const { id, word, sign } = JSON.parse(event.data), found = byId(id);
    if (found) { found.textContent = word; found.className = `state ${sign}`; }
  });
  on(source, "post", event => {
    if (!list || isPaused()) return;
    const post = JSON.parse(event.data), item = create("li"), head = create("b");
    // A stream that is opened again begins where the page did.
    if ([...list.children].some(each => each.dataset.id === post.id)) return;
    head.textContent = post.head;
    item.append(head, create("br"), post.text);
    item.className = "post";
    // Timelines and searches come newest first.
    item.dataset.at = post.at;
    item.dataset.id = post.id;
    list.insertBefore(item, [...list.children].find(each => each.dataset.at <= post.at) || null);
    list.children[100]?.remove();
  });
  on(source, "error", () => { live.textContent = `Not live, as of ${now()} UTC.`; });
  on(window, "pagehide", () => source.close());
  if (pause) on(pause, "click", () => {
    pause.setAttribute("aria-pressed", !isPaused());
    pause.textContent = isPaused() ? "Continue" : "Pause";
  });
}
for (const log of document.querySelectorAll("pre.end")) log.scrollTop = log.scrollHeight;
