// The editor of a recipe: zones, seams and the outline of the part drawn on the reference photo by mouse, finger or
// keyboard; a scale from two clicks; trials on stored photos; publishing.
"use strict";

(() => {
  const given = JSON.parse(document.getElementById("recipe-data").textContent);
  const texts = given.texts;
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_BACK = 100;
  const canvas = document.getElementById("canvas");
  const byId = (id) => document.getElementById(id);
  const draft = given.recipe;
  let viewName = draft.default_view;
  let size = { width: 0, height: 0 }; // of the reference photo, in its own pixels
  let frame = { x: 0, y: 0, width: 1, height: 1 }; // what of it is shown
  let tool = "pick";
  let drawn = []; // points of the shape that is being drawn, in pixels of the photo
  let picked = null; // { list: "zones" | "seams" | "outline", index }
  let cursor = { x: 0, y: 0 }; // of the keyboard
  const before = []; // drafts as they were before each change, the last one at the end
  let unsaved = false;

  const view = () => draft.views[viewName];
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key in made && key !== "list") made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };
  const shape = (name, attributes, parent) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  };
  const say = (text, look) => {
    const notice = byId("notice");
    notice.className = `notice ${look}`;
    notice.textContent = text;
    notice.hidden = !text;
  };

  // Taking back ---------------------------------------------------------------------------------------------

  function remember() {
    before.push(JSON.stringify({ draft, viewName }));
    if (before.length > MOST_BACK) before.shift();
    unsaved = true;
    byId("undo").disabled = false;
  }
  function undo() {
    if (drawn.length) {
      drawn.pop();
      return draw();
    }
    const last = before.pop();
    byId("undo").disabled = before.length === 0;
    if (!last) return say(texts.nothing_back, "warn");
    const was = JSON.parse(last);
    const shown = view().reference ? view().reference.sha256 : null;
    for (const key of Object.keys(draft)) delete draft[key];
    Object.assign(draft, was.draft);
    viewName = was.viewName;
    picked = null;
    say(texts.took_back, "good");
    // Another photo has to be loaded; the same one stays as it is zoomed.
    if ((view().reference ? view().reference.sha256 : null) !== shown) show();
    else fill();
  }
  window.addEventListener("keydown", (event) => {
    const writing = event.target.matches("input, select, textarea");
    if (!writing && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      undo();
    }
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  async function ask(url, body, headers = {}) {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { "X-CSRF-Token": given.csrf, Accept: "application/json", ...headers },
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message || [answer.title, answer.detail, answer.hint].filter(Boolean).join(" "));
    return answer;
  }
  const askJson = (url, value) => ask(url, JSON.stringify(value), { "Content-Type": "application/json" });

  // Shapes: lists of shares in the draft, pixels on the canvas ----------------------------------------------

  const toShare = (value, side) => Math.round(Math.min(1, Math.max(0, value / side)) * 1e6) / 1e6;
  const share = (point) => [toShare(point.x, size.width), toShare(point.y, size.height)];
  const pixel = ([x, y]) => ({ x: x * size.width, y: y * size.height });
  const pointsOf = ({ list, index }) => {
    if (list === "outline") return view().reference.outline;
    return list === "zones" ? view().zones[index].outline : view().seams[index].path;
  };
  const setPoints = (where, points) => {
    if (where.list === "outline") view().reference.outline = points;
    else if (where.list === "zones") view().zones[where.index].outline = points;
    else view().seams[where.index].path = points;
  };
  const least = (list) => (list === "seams" ? 2 : 3);

  function all() {
    const found = [];
    if (view().reference && view().reference.outline) found.push({ list: "outline", index: 0 });
    view().zones.forEach((zone, index) => zone.outline && found.push({ list: "zones", index }));
    view().seams.forEach((seam, index) => found.push({ list: "seams", index }));
    return found;
  }
  const same = (one, other) => one && other && one.list === other.list && one.index === other.index;

  function draw() {
    canvas.setAttribute("viewBox", `${frame.x} ${frame.y} ${frame.width} ${frame.height}`);
    canvas.replaceChildren();
    if (!view().reference) return;
    shape("image", { href: `/api/v1/recipe-photos/${view().reference.sha256}`, width: size.width, height: size.height }, canvas);
    const unit = frame.width / Math.max(1, canvas.clientWidth); // photo pixels of one pixel on the screen
    for (const where of all()) {
      const points = pointsOf(where).map(pixel);
      const kind = where.list === "zones" ? view().zones[where.index].class : where.list;
      const mark = shape(where.list === "seams" ? "polyline" : "polygon", {
        points: points.map((point) => `${point.x},${point.y}`).join(" "),
        class: `drawn ${kind}${same(where, picked) ? " picked" : ""}`,
        "data-list": where.list,
        "data-index": where.index,
      }, canvas);
      mark.addEventListener("pointerdown", (event) => {
        if (tool !== "pick") return;
        event.stopPropagation();
        pick(where);
      });
    }
    if (picked && tool === "pick") drawHandles(unit);
    if (drawn.length) {
      const line = shape("polyline", { points: drawn.map((point) => `${point.x},${point.y}`).join(" "), class: "drawing" }, canvas);
      line.setAttribute("pointer-events", "none");
      for (const point of drawn) shape("circle", { cx: point.x, cy: point.y, r: 5 * unit, class: "handle" }, canvas);
    }
    if (tool !== "pick" && document.activeElement === canvas) {
      const reach = 14 * unit;
      shape("path", { class: "cursor", d: `M${cursor.x - reach} ${cursor.y}h${2 * reach}M${cursor.x} ${cursor.y - reach}v${2 * reach}` }, canvas);
    }
  }

  function drawHandles(unit) {
    const points = pointsOf(picked);
    points.forEach((point, number) => {
      const at = pixel(point);
      // A wide transparent ring takes the finger, the dot inside it is what is seen.
      shape("circle", { cx: at.x, cy: at.y, r: 5 * unit, class: "handle" }, canvas);
      const ring = shape("circle", {
        cx: at.x, cy: at.y, r: 18 * unit, class: "grip", tabindex: 0, role: "button", "data-number": number,
        "aria-label": texts.corner.replace("{n}", number + 1),
      }, canvas);
      ring.addEventListener("pointerdown", (event) => {
        event.stopPropagation();
        event.preventDefault();
        drag(number);
      });
      ring.addEventListener("keydown", (event) => {
        const step = steps[event.key];
        if (step) {
          event.preventDefault();
          event.stopPropagation();
          remember();
          movePoint(number, { x: at.x + step[0] * pace(event), y: at.y + step[1] * pace(event) });
          refocus(number);
        } else if (event.key === "Delete" || event.key === "Backspace") {
          event.preventDefault();
          event.stopPropagation();
          removePoint(number);
        }
      });
    });
  }
  const refocus = (number) => {
    const ring = canvas.querySelector(`[data-number="${number}"]`);
    if (ring) ring.focus();
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const pace = (event) => Math.max(1, size.width / (event.shiftKey ? 20 : 200));

  function movePoint(number, to) {
    const points = pointsOf(picked).slice();
    points[number] = share(to);
    setPoints(picked, points);
    draw();
  }
  function removePoint(number) {
    const points = pointsOf(picked).filter((_, index) => index !== number);
    if (points.length < least(picked.list)) return;
    remember();
    setPoints(picked, points);
    draw();
  }
  function drag(number) {
    remember();
    const move = (event) => movePoint(number, place(event));
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
  }

  function place(event) {
    const matrix = canvas.getScreenCTM().inverse();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return { x: Math.min(size.width, Math.max(0, at.x)), y: Math.min(size.height, Math.max(0, at.y)) };
  }

  // Drawing -------------------------------------------------------------------------------------------------

  function choose(name) {
    tool = name;
    drawn = [];
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === name));
    }
    byId("tool-help").textContent = texts[`help_${name}`];
    byId("finish").hidden = name === "pick" || name === "scale";
    cursor = { x: frame.x + frame.width / 2, y: frame.y + frame.height / 2 };
    draw();
  }

  function put(point) {
    const unit = frame.width / Math.max(1, canvas.clientWidth);
    const first = drawn[0];
    const closes = first && drawn.length >= 3 && Math.hypot(point.x - first.x, point.y - first.y) < 12 * unit;
    if (closes && tool !== "seam") return finish();
    drawn.push(point);
    if (tool === "scale" && drawn.length === 2) return measure();
    draw();
  }

  const free = (list, stem) => {
    const names = new Set(view()[list].map((each) => each.name));
    let number = view()[list].length + 1;
    while (names.has(`${stem}-${number}`)) number += 1;
    return `${stem}-${number}`;
  };

  function finish() {
    const points = drawn.map(share);
    const list = tool === "seam" ? "seams" : tool === "outline" ? "outline" : "zones";
    if (points.length < least(list)) return say(texts.few_points, "warn");
    say("", "good");
    remember();
    let index = 0;
    if (list === "outline") view().reference.outline = points;
    else if (list === "zones") index = view().zones.push({ name: free("zones", "zone"), class: "primary", outline: points }) - 1;
    else index = view().seams.push({ name: free("seams", "seam"), path: points, rows: 1 }) - 1;
    fill();
    choose("pick");
    pick({ list, index });
    const field = document.querySelector(`[data-row="${list}-${index}"] input`);
    if (field) { field.focus(); field.select(); }
  }

  function measure() {
    const [one, other] = drawn;
    const length = Math.hypot(one.x - other.x, one.y - other.y);
    drawn = [];
    const dialog = byId("scale");
    byId("scale-px").textContent = `${length.toFixed(1)} px`;
    dialog.onclose = () => {
      const mm = Number(byId("scale-mm").value);
      if (dialog.returnValue === "ok" && mm > 0 && length > 0) {
        remember();
        view().mm_per_px = Math.round((mm / length) * 1e6) / 1e6;
        fill();
      }
      choose("pick");
    };
    dialog.showModal();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!view().reference) return;
    if (tool === "pick") {
      pick(null);
      return pan(event);
    }
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    put(place(event));
  });
  canvas.addEventListener("dblclick", (event) => {
    event.preventDefault();
    if (tool === "pick") return;
    drawn.pop(); // the second click of the two has put its point already
    finish();
  });
  canvas.addEventListener("focus", draw);
  canvas.addEventListener("keydown", (event) => {
    if (event.target !== canvas) return;
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      if (tool === "pick") frame = kept({ ...frame, x: frame.x + step[0] * pace(event) * 4, y: frame.y + step[1] * pace(event) * 4 });
      else {
        cursor = {
          x: Math.min(size.width, Math.max(0, cursor.x + step[0] * pace(event))),
          y: Math.min(size.height, Math.max(0, cursor.y + step[1] * pace(event))),
        };
      }
      return draw();
    }
    if (event.key === " " && tool !== "pick") { event.preventDefault(); put({ ...cursor }); }
    if (event.key === "Enter" && tool !== "pick") { event.preventDefault(); finish(); }
    if (event.key === "Backspace" && drawn.length) { event.preventDefault(); drawn.pop(); draw(); }
    if (event.key === "Escape") choose("pick");
    if (event.key === "+" || event.key === "=") zoom(1 / 1.5);
    if (event.key === "-") zoom(1.5);
  });

  // What of the photo is shown ------------------------------------------------------------------------------

  const kept = (to) => {
    const width = Math.min(size.width, to.width);
    const height = (width * size.height) / size.width;
    return {
      width, height,
      x: Math.min(size.width - width, Math.max(0, to.x)),
      y: Math.min(size.height - height, Math.max(0, to.y)),
    };
  };
  function zoom(factor, at = { x: frame.x + frame.width / 2, y: frame.y + frame.height / 2 }) {
    frame = kept({ width: frame.width * factor, x: at.x - (at.x - frame.x) * factor, y: at.y - (at.y - frame.y) * factor });
    draw();
  }
  function pan(event) {
    const scale = frame.width / Math.max(1, canvas.clientWidth);
    const from = { x: event.clientX, y: event.clientY, frame };
    const move = (now) => {
      frame = kept({ ...from.frame, x: from.frame.x - (now.clientX - from.x) * scale, y: from.frame.y - (now.clientY - from.y) * scale });
      draw();
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
  }
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls as everywhere else
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, place(event));
  }, { passive: false });

  // Lists beside the canvas ---------------------------------------------------------------------------------

  function pick(where) {
    picked = where;
    for (const row of document.querySelectorAll("[data-row]")) {
      row.classList.toggle("picked", where !== null && row.dataset.row === `${where.list}-${where.index}`);
    }
    draw();
  }

  const field = (label, input) => element("label", { className: "field" }, element("span", { textContent: label }), input);
  const empty = (text) => element("li", { className: "soft", textContent: text });
  function number(label, target, key, { at = null, step = "any", min = 0 } = {}) {
    const value = at === null ? target[key] : target[key] && target[key][at];
    const input = element("input", { type: "number", step, min, value: value === undefined || value === null ? "" : value, inputMode: "decimal" });
    input.addEventListener("change", () => {
      remember();
      const typed = input.value === "" ? null : Number(input.value);
      if (at === null) {
        if (typed === null) delete target[key];
        else target[key] = typed;
      } else {
        const window = target[key] ? target[key].slice() : [null, null];
        window[at] = typed;
        if (window[0] === null && window[1] === null) delete target[key];
        else target[key] = window;
      }
    });
    return field(label, input);
  }
  const named = (target) => {
    const input = element("input", { value: target.name, maxLength: 64, autocomplete: "off", spellcheck: false });
    input.addEventListener("input", () => { target.name = input.value.trim(); });
    return field(texts.name, input);
  };
  const remover = (list, index) => {
    const button = element("button", { type: "button", textContent: texts.remove });
    button.addEventListener("click", () => {
      remember();
      view()[list].splice(index, 1);
      pick(null);
      fill();
    });
    return button;
  };

  function fillZones() {
    byId("zones").replaceChildren(...view().zones.map((zone, index) => {
      const choice = element("select", {}, ...Object.entries(given.classes).map(([id, name]) =>
        element("option", { value: id, textContent: name, selected: id === zone.class })));
      choice.addEventListener("change", () => { remember(); zone.class = choice.value; draw(); });
      const height = number(texts.height, zone, "height_mm");
      height.title = texts.height_help;
      const row = element("li", { "data-row": `zones-${index}`, className: "part" },
        named(zone), field(texts.class, choice), height, remover("zones", index));
      row.addEventListener("focusin", () => zone.outline && pick({ list: "zones", index }));
      return row;
    }));
  }
  function fillSeams() {
    byId("seams").replaceChildren(...view().seams.map((seam, index) => {
      const row = element("li", { "data-row": `seams-${index}`, className: "part" },
        named(seam), number(texts.rows, seam, "rows", { step: 1, min: 1 }),
        number(texts.pitch_low, seam, "pitch_mm", { at: 0 }), number(texts.pitch_high, seam, "pitch_mm", { at: 1 }),
        number(texts.margin_low, seam, "margin_mm", { at: 0 }), number(texts.margin_high, seam, "margin_mm", { at: 1 }),
        number(texts.gap_low, seam, "row_gap_mm", { at: 0 }), number(texts.gap_high, seam, "row_gap_mm", { at: 1 }),
        remover("seams", index));
      row.addEventListener("focusin", () => pick({ list: "seams", index }));
      return row;
    }));
  }

  function fill() {
    const choice = byId("view");
    choice.replaceChildren(...Object.keys(draft.views).map((name) => element("option", { value: name, textContent: name, selected: name === viewName })));
    byId("mm-per-px").value = view().mm_per_px ?? "";
    byId("foot").value = (view().reference && view().reference.foot) || "";
    const outlined = Boolean(view().reference && view().reference.outline);
    byId("no-outline").hidden = !outlined;
    for (const button of document.querySelectorAll("[data-tool]")) button.disabled = !view().reference;
    byId("empty").hidden = Boolean(view().reference);
    fillZones();
    fillSeams();
    if (!view().zones.length) byId("zones").append(empty(texts.no_zones));
    if (!view().seams.length) byId("seams").append(empty(texts.no_seams));
    draw();
  }

  function show() {
    picked = null;
    const reference = view().reference;
    if (!reference) { size = { width: 0, height: 0 }; fill(); choose("pick"); return; }
    const photo = new Image();
    photo.addEventListener("load", () => {
      size = { width: photo.naturalWidth, height: photo.naturalHeight };
      frame = { x: 0, y: 0, ...size };
      canvas.dataset.ready = "yes";
      fill();
      choose("pick");
    });
    photo.addEventListener("error", () => say(texts.no_photo, "bad"));
    photo.src = `/api/v1/recipe-photos/${reference.sha256}`;
  }

  function refer(sha256) {
    remember();
    view().reference = { sha256 };
    // A zone that covers the whole photo holds no outline; it is drawn anew on the reference.
    view().zones = view().zones.filter((zone) => zone.outline);
    show();
  }

  byId("photo").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const kept = await ask("/recipes/photos", file, { "Content-Type": "application/octet-stream" });
      say("", "good");
      refer(kept.sha256);
    } catch (error) {
      say(error.message, "bad");
    }
  });
  for (const button of document.querySelectorAll("[data-refer]")) {
    button.addEventListener("click", () => refer(button.dataset.refer));
  }
  byId("view").addEventListener("change", (event) => { viewName = event.target.value; show(); });
  byId("add-view").addEventListener("click", () => {
    const field = byId("new-view");
    const name = (field.value = field.value.trim());
    if (name === "" || !field.validity.valid) return say(texts.bad_view, "warn"); // by the pattern of the page
    remember();
    if (!draft.views[name]) draft.views[name] = { zones: [], seams: [] };
    field.value = "";
    viewName = name;
    show();
  });
  byId("mm-per-px").addEventListener("change", (event) => { remember(); view().mm_per_px = event.target.value === "" ? null : Number(event.target.value); });
  byId("foot").addEventListener("change", (event) => { remember(); if (view().reference) view().reference.foot = event.target.value || null; });
  byId("no-outline").addEventListener("click", () => { remember(); view().reference.outline = null; pick(null); fill(); });
  byId("finish").addEventListener("click", finish);
  byId("undo").addEventListener("click", undo);
  for (const name of ["name", "style", "standard", "note"]) byId(name).addEventListener("input", () => { unsaved = true; });
  for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => choose(button.dataset.tool));
  byId("zoom-in").addEventListener("click", () => zoom(1 / 1.5));
  byId("zoom-out").addEventListener("click", () => zoom(1.5));
  window.addEventListener("resize", draw);

  // Trying and publishing -----------------------------------------------------------------------------------

  function composed() {
    const recipe = structuredClone(draft);
    recipe.name = byId("name").value.trim();
    recipe.style = byId("style").value.trim() || null;
    recipe.standard = byId("standard").value;
    // A view that nobody has drawn on yet is no part of the recipe.
    for (const [name, each] of Object.entries(recipe.views)) {
      if (!each.zones.length && Object.keys(recipe.views).length > 1) delete recipe.views[name];
    }
    if (!recipe.views[recipe.default_view]) recipe.default_view = Object.keys(recipe.views)[0];
    return recipe;
  }

  const tried = byId("tried");
  async function attempt(button) {
    const photos = document.querySelectorAll("[data-try]");
    say(texts.trying.replace("{name}", button.title), "good");
    byId("trial").hidden = true;
    button.setAttribute("aria-busy", "true");
    for (const each of photos) each.disabled = true; // one at a time: the line's own photos go first
    try {
      const told = await askJson("/recipes/try", { recipe: composed(), view: viewName, result_id: button.dataset.try });
      say("", "good");
      byId("tried-text").textContent = told.text;
      byId("tried-reasons").replaceChildren(...told.reasons.map((reason) => element("li", { textContent: reason })));
      tried.setAttribute("viewBox", `-0.5 -0.5 ${told.width_px} ${told.height_px}`);
      tried.replaceChildren();
      shape("image", { href: told.photo_url, x: -0.5, y: -0.5, width: told.width_px, height: told.height_px }, tried);
      for (const zone of told.zones) shape("polygon", { points: zone.outline.map((point) => point.join(",")).join(" "), class: `drawn ${zone.class}` }, tried);
      for (const seam of told.seams) shape("polyline", { points: seam.map((point) => point.join(",")).join(" "), class: "drawn seams" }, tried);
      for (const defect of told.defects) shape("polygon", { points: defect.map((point) => point.join(",")).join(" "), class: "drawn defect" }, tried);
      byId("trial").hidden = false;
      byId("trial").scrollIntoView({ block: "nearest" });
    } catch (error) {
      say(error.message, "bad");
      byId("notice").scrollIntoView({ block: "center" });
    } finally {
      button.removeAttribute("aria-busy");
      for (const each of photos) each.disabled = false;
    }
  }
  for (const button of document.querySelectorAll("[data-try]")) button.addEventListener("click", () => attempt(button));

  async function publish(activate) {
    try {
      const told = await askJson("/recipes/publish", { recipe: composed(), note: byId("note").value, activate });
      unsaved = false;
      window.location.assign(told.url);
    } catch (error) {
      say(error.message, "bad");
      byId("notice").scrollIntoView({ block: "center" });
    }
  }
  byId("publish").addEventListener("click", () => publish(true));
  byId("keep").addEventListener("click", () => publish(false));

  show();
})();
