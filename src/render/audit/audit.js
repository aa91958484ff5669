// Moves and zooms the graph, filters it and the table, and shows a box's details. The page is complete without this
// script: everything shown here is in the table's rows, and the address says what is selected.
(() => {
  "use strict";

  const canvas = document.querySelector(".canvas");
  const view = canvas.querySelector(".view");
  const svg = view.querySelector("svg");
  const panel = canvas.querySelector(".panel");
  const controls = document.querySelector(".controls");
  const rows = [...document.querySelectorAll(".findings > tbody > tr")];
  const sections = [...document.querySelectorAll("details.verdict")];
  const boxes = [...svg.querySelectorAll(".node")].map((element) => {
    const [x, y] = element.getAttribute("transform").match(/-?\d+/g).map(Number);
    return { element, x, y, folded: element.classList.contains("folded") };
  });
  const lines = [...svg.querySelectorAll(".lines > path")].map((element) => ({
    element,
    from: Number(element.dataset.from),
    to: Number(element.dataset.to),
  }));
  const outline = svg.querySelector(".node")?.getBBox() ?? { width: 0, height: 0 };

  // The visible part of the graph: its upper left corner, and pixels per unit.
  const seen = { x: 0, y: 0, scale: 1 };
  const MARGIN = 32;
  // The smallest initial scale, and the scale below which text is only a gray smudge.
  const READABLE = 0.55;
  const LEGIBLE = 0.3;

  function paint() {
    const { clientWidth, clientHeight } = view;
    svg.classList.toggle("far", seen.scale < LEGIBLE);
    svg.setAttribute("viewBox", `${seen.x} ${seen.y} ${clientWidth / seen.scale} ${clientHeight / seen.scale}`);
  }

  /** Shows all boxes, or as many from the first on as are readable. */
  function fit(smallest) {
    const drawn = boxes.filter(isDrawn);
    if (drawn.length === 0) return;
    const left = drawn.reduce((least, box) => Math.min(least, box.x), Infinity) - MARGIN;
    const top = drawn.reduce((least, box) => Math.min(least, box.y), Infinity) - MARGIN;
    const width = drawn.reduce((most, box) => Math.max(most, box.x), -Infinity) + outline.width + MARGIN - left;
    const height = drawn.reduce((most, box) => Math.max(most, box.y), -Infinity) + outline.height + MARGIN - top;
    const { clientWidth, clientHeight } = view;
    seen.scale = Math.min(1.2, Math.max(smallest, Math.min(clientWidth / width, clientHeight / height)));
    // If not everything fits, the view starts at the leftmost box of the first rows.
    const first = drawn.filter((box) => box.y < top + clientHeight / seen.scale - outline.height);
    const from = width > clientWidth / seen.scale ? Math.min(...first.map((box) => box.x)) - MARGIN : left;
    seen.x = from - Math.max(0, (clientWidth / seen.scale - width) / 2);
    seen.y = top - Math.max(0, (clientHeight / seen.scale - height) / 2);
    paint();
  }

  function isDrawn({ element, folded }) {
    return !element.classList.contains("out") && (!folded || canvas.classList.contains("all"));
  }

  /** Zooms around a point of the view. */
  function zoom(factor, x = view.clientWidth / 2, y = view.clientHeight / 2) {
    const before = seen.scale;
    seen.scale = Math.min(4, Math.max(0.03, before * factor));
    seen.x += x / before - x / seen.scale;
    seen.y += y / before - y / seen.scale;
    paint();
  }

  function move(x, y) {
    seen.x -= x / seen.scale;
    seen.y -= y / seen.scale;
    paint();
  }

  /** Brings a box into view beside the panel, unless it already is. */
  function bring({ x, y }) {
    const width = view.clientWidth - (panel.hidden || panel.offsetWidth > view.clientWidth / 2 ? 0 : panel.offsetWidth + 16);
    const isSeen =
      seen.scale >= READABLE &&
      x >= seen.x &&
      y >= seen.y &&
      x + outline.width <= seen.x + width / seen.scale &&
      y + outline.height <= seen.y + view.clientHeight / seen.scale;
    if (isSeen) return;
    seen.scale = Math.max(seen.scale, READABLE);
    seen.x = x + (outline.width - width / seen.scale) / 2;
    seen.y = y + (outline.height - view.clientHeight / seen.scale) / 2;
    paint();
  }

  // Moving by drag, wheel and keyboard.

  let drag = null;
  let dragged = false;
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, id: event.pointerId };
    dragged = false;
    if (!event.target.closest("a")) view.focus({ preventScroll: true });
  });
  svg.addEventListener("pointermove", (event) => {
    if (drag?.id !== event.pointerId) return;
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!dragged && Math.hypot(x, y) < 5) return;
    if (!dragged) svg.setPointerCapture(drag.id);
    dragged = true;
    view.classList.add("moving");
    move(x, y);
    Object.assign(drag, { x: event.clientX, y: event.clientY });
  });
  const drop = () => {
    drag = null;
    view.classList.remove("moving");
  };
  svg.addEventListener("pointerup", drop);
  svg.addEventListener("pointercancel", drop);
  view.addEventListener(
    "click",
    (event) => {
      // The end of a drag must not click on whatever is below the pointer.
      if (dragged) {
        event.preventDefault();
        event.stopPropagation();
      }
      dragged = false;
    },
    true,
  );
  svg.addEventListener(
    "wheel",
    (event) => {
      // Someone who scrolls past the graph must be able to keep scrolling the page.
      if (!event.ctrlKey && !event.metaKey && !canvas.contains(document.activeElement)) return;
      event.preventDefault();
      const { left, top } = view.getBoundingClientRect();
      const pixels = event.deltaY * (event.deltaMode === 0 ? 1 : 30);
      zoom(Math.exp(-pixels * 0.0018), event.clientX - left, event.clientY - top);
    },
    { passive: false },
  );
  const keys = {
    "+": () => zoom(1.25),
    "=": () => zoom(1.25),
    "-": () => zoom(0.8),
    0: () => fit(0),
    ArrowLeft: () => move(80, 0),
    ArrowRight: () => move(-80, 0),
    ArrowUp: () => move(0, 80),
    ArrowDown: () => move(0, -80),
  };
  view.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  view.addEventListener("focusin", (event) => {
    const node = event.target.closest(".node");
    if (node?.matches(":focus-visible")) bring(boxes[node.dataset.node]);
  });

  // The panel: what the selected row says.

  // Elements with an address: rows, and boxes without a row. The document isn't asked, because a name could equal the id
  // of some other part of the page.
  const known = new Map([...rows, ...svg.querySelectorAll(".missing")].map((element) => [element.id, element]));
  let selected = null;

  /** The element that an address leads to: a row, or the box of something that wasn't found. */
  function find(hash) {
    let id = hash.slice(1);
    try {
      id = decodeURIComponent(id);
    } catch {
      return null;
    }
    return known.get(id) ?? null;
  }

  function create(tag, text, of = {}) {
    const element = Object.assign(document.createElement(tag), of);
    if (text) element.textContent = text;
    return element;
  }

  function neighbours(element) {
    const number = Number(element.dataset.node);
    const near = new Set(lines.flatMap(({ from, to }) => (from === number ? [to] : to === number ? [from] : [])));
    for (const link of element.querySelectorAll(".more a")) {
      const other = find(link.getAttribute("href"));
      if (other) near.add(Number(other.dataset.node));
    }
    return near;
  }

  function select(element) {
    for (const was of document.querySelectorAll(".selected, .near")) was.classList.remove("selected", "near");
    svg.classList.toggle("selecting", element !== null);
    selected = element;
    panel.hidden = element === null;
    if (element === null) return;
    const number = Number(element.dataset.node);
    const box = boxes[number];
    if (box.folded && !canvas.classList.contains("all")) {
      controls.querySelector("[name=folded]").checked = true;
      filter();
    }
    element.classList.add("selected");
    box.element.classList.add("selected");
    for (const near of neighbours(element)) boxes[near].element.classList.add("near");
    for (const line of lines) {
      if (line.from === number || line.to === number) line.element.classList.add("near");
    }
    tell(element, number);
    bring(box);
  }

  function tell(element, number) {
    const row = rows[number];
    const verdict = row ? row.closest("details.verdict").dataset.verdict : "missing";
    panel.className = `panel ${verdict}`;
    const close = create("button", "Close", { type: "button" });
    close.addEventListener("click", () => leave());
    const buttons = create("div", "", { className: "buttons" });
    if (row) {
      const table = create("button", "Show in the table", { type: "button" });
      table.addEventListener("click", () => {
        row.closest("details.verdict").open = true;
        row.hidden = false;
        row.scrollIntoView({ block: "center" });
        row.querySelector("a").focus({ preventScroll: true });
      });
      const [kind, name, use, changed] = row.cells;
      const sign = row.closest("details.verdict").querySelector(".sign").textContent;
      const words = create("p", `${sign} ${verdict} ${kind.textContent}`, { className: "sign" });
      const since = changed.textContent && ` Changed ${changed.textContent}.`;
      const used = create("p", `Usage: ${use.textContent}.${since}`, { className: "soft" });
      const known = [...row.querySelector(".more").children].slice(1).map((part) => part.cloneNode(true));
      const evidence = row.querySelector(".evidence")?.cloneNode(true) ?? "";
      buttons.append(table, close);
      panel.replaceChildren(words, create("h3", name.textContent), used, evidence, ...known, buttons);
    } else {
      buttons.append(close);
      const text = "Something refers to it, but it wasn't found. It no longer exists, or is in another account or region.";
      panel.replaceChildren(create("p", "\u00d7 not found", { className: "sign" }), create("h3", element.id), create("p", text), buttons);
    }
    panel.scrollTop = 0;
  }

  /** Clears the selection. */
  function leave() {
    const back = canvas.contains(document.activeElement) || document.activeElement === document.body;
    const box = selected && boxes[selected.dataset.node].element;
    select(null);
    history.pushState(null, "", location.pathname + location.search);
    if (back) box?.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const hash = link.getAttribute("href");
    const element = find(hash);
    if (!element) return;
    event.preventDefault();
    history.pushState(null, "", hash);
    select(element);
    if (!canvas.contains(link)) canvas.scrollIntoView({ block: "nearest" });
    if (!svg.contains(link)) panel.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && selected) leave();
  });
  addEventListener("popstate", () => select(find(location.hash)));

  // Filters for both the table and the graph.

  // If a text search has at most this many matches, they are all drawn, even those that need no attention.
  const FEW = 400;
  const texts = [];
  const text = controls.querySelector("[type=search]");
  const kind = controls.querySelector("select");
  const verdicts = [...controls.querySelectorAll("[name=verdict]")];
  const opened = sections.map((section) => section.open);

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(verdicts.filter((box) => box.checked).map((box) => box.value));
    if (words.length > 0 && texts.length === 0) texts.push(...rows.map((row) => row.textContent.toLowerCase()));
    const fits = rows.map((row, number) => {
      const fit =
        (!kind.value || row.cells[0].textContent === kind.value) && words.every((word) => texts[number].includes(word));
      return fit && wanted.has(row.closest("details.verdict").dataset.verdict);
    });
    rows.forEach((row, number) => (row.hidden = !fits[number]));
    sections.forEach((section, index) => {
      const some = section.querySelector("tbody > tr:not([hidden])");
      section.hidden = !some;
      section.open = words.length > 0 || kind.value ? true : opened[index];
    });
    // What wasn't found is drawn together with what refers to it.
    const named = new Set(lines.flatMap(({ from, to }) => (fits[from] || fits[to] ? [from, to] : [])));
    const drawn = boxes.map((box, number) => fits[number] ?? named.has(number));
    boxes.forEach((box, number) => box.element.classList.toggle("out", !drawn[number]));
    for (const { element, from, to } of lines) element.classList.toggle("out", !drawn[from] || !drawn[to]);
    const count = fits.filter(Boolean).length;
    const asked = controls.querySelector("[name=folded]")?.checked || (words.length > 0 && count <= FEW);
    canvas.classList.toggle("all", Boolean(asked));
    controls.querySelector("output").textContent = count < rows.length ? `${count} of ${rows.length} match` : "";
  }

  controls.addEventListener("input", () => {
    filter();
    fit(READABLE);
  });
  controls.addEventListener("click", (event) => {
    if (event.target.name === "in") zoom(1.25);
    if (event.target.name === "out") zoom(0.8);
    if (event.target.name === "fit") fit(0);
  });

  // All columns but the evidence can be sorted by.

  const USE = 2;
  for (const table of document.querySelectorAll(".findings")) {
    const heads = [...table.tHead.rows[0].cells].slice(0, -1);
    heads.forEach((head, column) => {
      const button = create("button", head.textContent, { type: "button" });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = head.ariaSort !== "ascending";
        for (const other of heads) other.ariaSort = null;
        head.ariaSort = up ? "ascending" : "descending";
        const key = ({ cells }) => cells[column].dataset.value ?? cells[column].textContent;
        const order = new Intl.Collator("en", { numeric: true }).compare;
        const compare = (one, other) =>
          column === USE ? Number(key(one)) - Number(key(other)) : order(key(one), key(other));
        const sorted = [...table.tBodies[0].rows].sort((one, other) => (up ? compare(one, other) : compare(other, one)));
        table.tBodies[0].append(...sorted);
      });
    });
  }

  controls.hidden = false;
  // Going back returns to the selected box, so the browser must not scroll to its row.
  history.scrollRestoration = "manual";
  canvas.classList.add("live");
  view.tabIndex = 0;
  view.setAttribute("role", "region");
  view.setAttribute("aria-label", "The graph");
  const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
  const needed = height * Math.min(1.2, Math.max(READABLE, canvas.clientWidth / width));
  canvas.style.height = `${Math.max(320, Math.min(needed, innerHeight * 0.75))}px`;
  fit(READABLE);
  new ResizeObserver(paint).observe(view);
  const first = find(location.hash);
  if (first) {
    select(first);
    // The browser scrolls to the row first, so this has to wait for that.
    addEventListener("load", () => requestAnimationFrame(() => canvas.scrollIntoView({ block: "center" })));
  }
})();
