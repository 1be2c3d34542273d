"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const svg = byId("graph"), panel = byId("details"), overview = byId("overview"), search = byId("search"), legend = document.querySelector(".legend");
  const whole = { w: +svg.dataset.width, h: +svg.dataset.height };
  const items = [...svg.querySelectorAll(".node, .pill")];
  const edges = [...svg.querySelectorAll(".edge")];
  const up = new Map(), down = new Map();
  for (const edge of edges) {
    const { a, b } = edge.dataset;
    (down.get(a) || down.set(a, []).get(a)).push(b);
    (up.get(b) || up.set(b, []).get(b)).push(a);
  }
  let kept = null;

  // --- looking at a part of the picture: the viewBox is the part -----------------------------------------------------
  let view = { x: 0, y: 0, w: whole.w, h: whole.h };
  const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const frame = () => { const box = svg.getBoundingClientRect(); return { w: box.width || 1, h: box.height || 1, x: box.left, y: box.top }; };
  const scale = () => frame().w / view.w;
  function fit() {
    const { w, h } = frame(), taken = legend.offsetHeight, s = Math.min(w / whole.w, (h - taken) / whole.h, 1.15);
    view = { w: w / s, h: h / s };
    view.x = (whole.w - view.w) / 2;
    view.y = (whole.h - view.h + taken / s) / 2;
    show();
  }
  function begin() {
    fit();
    const { w, h } = frame(), readable = Math.min(Math.max(w / whole.w, h / whole.h), 0.6);
    if (scale() < 0.3 && scale() < readable) zoom(readable / scale());
  }
  function zoom(factor, x, y) {
    const s = Math.min(Math.max(scale() * factor, 0.02), 4), f = frame();
    const w = f.w / s, h = f.h / s;
    x = x === undefined ? view.x + view.w / 2 : x;
    y = y === undefined ? view.y + view.h / 2 : y;
    view = { x: x - (x - view.x) * w / view.w, y: y - (y - view.y) * h / view.h, w, h };
    show();
  }
  const place = (item) => { const m = item.transform.baseVal[0].matrix, b = item.getBBox(); return { x: m.e, y: m.f, w: b.width, h: b.height }; };
  function bring(item, closer) {
    const at = place(item);
    if (closer && scale() < 0.7) zoom(0.9 / scale());
    const edge = 30 / scale();
    if (at.x < view.x + edge || at.x + at.w > view.x + view.w - edge || at.y < view.y + edge || at.y + at.h > view.y + view.h - edge) {
      view.x = at.x + at.w / 2 - view.w / 2;
      view.y = at.y + at.h / 2 - view.h / 2;
      show();
    }
  }
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const f = frame();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), view.x + (event.clientX - f.x) / scale(), view.y + (event.clientY - f.y) / scale());
  }, { passive: false });
  let drag = null;
  svg.addEventListener("pointerdown", (event) => { if (event.button === 0) drag = { x: event.clientX, y: event.clientY, left: view.x, top: view.y, moved: false }; });
  addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    svg.classList.add("dragged");
    view.x = drag.left - dx / scale();
    view.y = drag.top - dy / scale();
    show();
  });
  addEventListener("pointerup", () => { svg.classList.remove("dragged"); setTimeout(() => { drag = null; }); });
  byId("in").onclick = () => zoom(1.3);
  byId("out").onclick = () => zoom(1 / 1.3);
  byId("fit").onclick = fit;
  addEventListener("beforeprint", () => { view = { x: 0, y: 0, w: whole.w, h: whole.h }; show(); });
  addEventListener("afterprint", fit);
  let width = 0;
  new ResizeObserver(() => { if (frame().w !== width) { width = frame().w; begin(); if (kept) bring(byId(kept), true); } }).observe(svg);

  // --- what leads to a thing, and where it leads ---------------------------------------------------------------------
  function reach(start, next) {
    const found = new Set([start]), stack = [start];
    while (stack.length) for (const id of next.get(stack.pop()) || []) if (!found.has(id)) { found.add(id); stack.push(id); }
    return found;
  }
  function light(id) {
    const before = id && reach(id, up), after = id && reach(id, down);
    const own = new Set(id && data.nodes[id] && data.nodes[id].finalizer ? (data.nodes[id].inputs || []).map(([key]) => key) : []);
    svg.classList.toggle("focus", Boolean(id));
    for (const item of items) {
      item.classList.toggle("lit", Boolean(id) && (before.has(item.id) || after.has(item.id) || own.has(item.id)));
      item.classList.toggle("chosen", item.id === id);
    }
    for (const { dataset, classList } of edges) classList.toggle("lit", Boolean(id) && ((before.has(dataset.a) && before.has(dataset.b)) || (after.has(dataset.a) && after.has(dataset.b))));
    for (const bar of document.querySelectorAll(".bars [data-node]")) bar.classList.toggle("on", bar.dataset.node === id);
  }

  // --- the side panel: every word is set as text, none as markup -----------------------------------------------------
  function make(tag, words, ...children) {
    const element = document.createElement(tag);
    if (typeof words === "string") element.textContent = words;
    else if (words) Object.assign(element, words);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }
  function section(title, ...children) { return children.length ? [make("h3", title), ...children] : []; }
  function table(rows) {
    const list = make("dl", { className: "tight" });
    for (const [label, value, remark] of rows) list.append(make("dt", label), make("dd", null, value, remark ? make("small", remark) : null));
    return rows.length ? [list] : [];
  }
  function links(ids, remark) {
    const list = make("div", { className: "links" });
    for (const [id, name] of ids.map((entry) => Array.isArray(entry) ? entry : [entry])) {
      const thing = data.nodes[id] || data.datasets[id];
      const button = make("button", { type: "button", className: data.nodes[id] ? "to-node" : "" }, thing.name, remark && name !== thing.name ? make("small", ` as ${name}`) : null);
      button.onclick = () => keep(id, true);
      list.append(button);
    }
    return ids.length ? [list] : [];
  }
  const hue = (id) => [...byId(id).classList].find((name) => /^p\d+$/.test(name)) || "";
  function badge(state) {
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    icon.setAttribute("class", `sign ${state}`);
    icon.setAttribute("width", 16);
    icon.setAttribute("height", 16);
    use.setAttribute("href", `#sign-${state}`);
    icon.append(use);
    return make("span", { className: `state ${state}` }, icon, state);
  }
  function aboutNode(id) {
    const node = data.nodes[id], error = node.error;
    const tried = node.attempt > 1 ? `attempt ${node.attempt} of ${Math.max(node.attempt, node.attempts || 1)}` : "";
    return [
      make("h2", node.name),
      make("p", { className: `who muted ${hue(id)}` }, make("i"), node.plugin),
      node.about ? make("p", node.about) : null,
      ...(node.state ? section("Run", make("p", null, badge(node.state), " ", [node.took, tried].filter(Boolean).join(", ")), ...table([["why", node.reason], ["started", node.started], ["log", node.log], ...(node.warnings || []).map((text) => ["warning", text])].filter(([, value]) => value))) : []),
      error ? make("div", { className: "error", role: "alert" }, make("b", error.type), error.kind ? ` (${error.kind})` : "", make("div", error.message || ""), error.hint ? make("div", { className: "hint" }, make("b", "hint: "), error.hint) : null, error.traceback ? make("pre", error.traceback) : null) : null,
      ...section("Metrics", ...table(node.metrics || [])),
      ...section("Reads", ...links(node.inputs || [], true)),
      ...section("Writes", ...links(node.outputs || [])),
      ...section("Waits for", ...links(node.after || [])),
      ...section("Parameters", ...table((node.parameters || []).map(([name, value, type, usual]) => [name, value, [type, usual && `default ${usual}`].filter(Boolean).join(", ")]))),
      ...section("Needs", ...table(node.needs || [])),
      ...section("Source", make("code", node.source)),
    ];
  }
  function aboutDataset(id) {
    const one = data.datasets[id];
    const facts = ["rows", "size", "type", "serializer", "path", "sha256"].filter((key) => one[key]).map((key) => [key, one[key]]);
    return [
      make("h2", one.name),
      make("p", { className: "who muted" }, one.writer ? (one.readers ? "dataset" : "dataset that no node reads") : "dataset from outside"),
      ...table(facts),
      ...section("Written by", ...links(one.writer ? [one.writer] : [])),
      ...section("Read by", ...links(one.readers || [])),
      ...section("Columns", ...table([...(one.columns || []), ...(one.more ? [["…", `${one.more} more`]] : [])])),
    ];
  }
  let told = null;
  function tell(id, lit = true) {
    light(lit ? id : null);
    overview.hidden = Boolean(id);
    panel.hidden = !id;
    if (id && id !== told) panel.replaceChildren(...(data.nodes[id] ? aboutNode(id) : aboutDataset(id)).filter(Boolean));
    told = id;
  }
  function keep(id, closer) {
    kept = id;
    tell(id);
    for (const item of items) item.tabIndex = item.id === (id || items[0].id) ? 0 : -1;
    const name = id ? (data.nodes[id] ? data.nodes[id].full : data.datasets[id].name) : "";
    history.replaceState(null, "", name ? `#${encodeURIComponent(name)}` : location.pathname + location.search);
    if (id && closer) bring(byId(id), true);
  }

  // --- pointing, clicking, keys --------------------------------------------------------------------------------------
  const itemOf = (event) => event.target.closest(".node, .pill");
  svg.addEventListener("pointerover", (event) => { if (!drag) { const item = itemOf(event); if (item) tell(item.id); } });
  svg.addEventListener("pointerout", (event) => { if (!drag && itemOf(event)) tell(kept); });
  svg.addEventListener("click", (event) => {
    if (drag && drag.moved) return;
    const item = itemOf(event);
    keep(item && item.id !== kept ? item.id : null);
  });
  svg.addEventListener("focusin", (event) => { const item = itemOf(event); if (item && item.matches(":focus-visible")) { keep(item.id); bring(item); } });
  for (const bar of document.querySelectorAll(".bars [data-node]")) {
    bar.addEventListener("click", () => keep(bar.dataset.node, true));
    bar.addEventListener("pointerover", () => tell(bar.dataset.node));
    bar.addEventListener("pointerout", () => tell(kept));
  }
  function neighbour(id, key) {
    const from = place(byId(id)), centre = (one) => ({ x: one.x + one.w / 2, y: one.y + one.h / 2 }), start = centre(from);
    const along = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
    const joined = new Set([...(up.get(id) || []), ...(down.get(id) || [])]);
    let best = null, least = Infinity;
    for (const item of items) {
      const end = centre(place(item)), dx = end.x - start.x, dy = end.y - start.y;
      const ahead = dx * along[0] + dy * along[1], aside = Math.abs(dx * along[1]) + Math.abs(dy * along[0]);
      if (item.id === id || ahead < 2 || (!joined.has(item.id) && aside > ahead)) continue;
      const far = joined.has(item.id) ? (ahead + aside) / 4 : ahead + 2 * aside;
      if (far < least) { least = far; best = item; }
    }
    return best;
  }
  svg.addEventListener("keydown", (event) => {
    const item = itemOf(event);
    if (!item) return;
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const next = neighbour(item.id, event.key);
      if (next) { next.tabIndex = 0; next.focus(); keep(next.id); bring(next); }
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      keep(item.id, true);
    }
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { search.value = ""; seek(); search.blur(); keep(null); }
    if (event.target === search) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); search.select(); }
    if (event.key === "+" || event.key === "=") zoom(1.3);
    if (event.key === "-") zoom(1 / 1.3);
    if (event.key === "0") fit();
  });

  // --- finding -------------------------------------------------------------------------------------------------------
  let hits = [], turn = 0;
  function seek() {
    const words = search.value.trim().toLowerCase();
    const text = (id) => data.nodes[id] ? `${data.nodes[id].full} ${data.nodes[id].state || ""}` : data.datasets[id].name;
    hits = words ? items.filter((item) => text(item.id).toLowerCase().includes(words)) : [];
    const rank = (item) => { const one = data.nodes[item.id] || data.datasets[item.id], name = one.name.toLowerCase(); return (name === words ? 0 : name.startsWith(words) ? 1 : 2) * 2 + (data.nodes[item.id] ? 0 : 1); };
    hits.sort((one, other) => rank(one) - rank(other));
    turn = 0;
    const found = new Set(hits);
    svg.classList.toggle("searched", Boolean(words));
    search.classList.toggle("none", Boolean(words) && !hits.length);
    for (const item of items) item.classList.toggle("found", found.has(item));
  }
  search.addEventListener("input", () => { seek(); if (hits.length) bring(hits[0]); });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !hits.length) return;
    svg.classList.remove("searched");
    keep(hits[turn % hits.length].id, true);
    turn += 1;
  });

  // --- where to begin: at what the address names, else at what failed, else at the whole ------------------------------
  const asked = decodeURIComponent(location.hash.slice(1));
  const named = (id) => asked && (data.nodes[id] ? [data.nodes[id].full, data.nodes[id].name] : [data.datasets[id].name]).includes(asked);
  const first = [...items].reverse().find((item) => named(item.id));
  const broken = items.find((item) => data.nodes[item.id] && data.nodes[item.id].error);
  begin();
  if (items.length) items[0].tabIndex = 0;
  if (first) keep(first.id, true);
  else if (broken) tell(broken.id, false);
})();
