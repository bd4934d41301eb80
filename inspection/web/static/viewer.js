// One result: the photo in deep zoom with outlines and heat map over it, picking of defects, and the keyboard.
"use strict";

(() => {
  const box = document.querySelector("[data-viewer]");
  if (!box) return;
  const shown = JSON.parse(document.getElementById("shown").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const NEAR_PX = 16; // a fingertip or pointer this close to an outline means that defect

  // OpenSeadragon would add an inline style sheet, which the page's security policy refuses; welt.css has its one rule.
  // It looks for such an element first, so give it one of that name, in no namespace: it is no style sheet to a browser.
  const marker = document.createElementNS(null, "style");
  marker.setAttribute("data-openseadragon-mobile-css", "in welt.css");
  document.head.append(marker);

  box.replaceChildren();
  const viewer = OpenSeadragon({
    element: box,
    drawer: "canvas",
    showNavigationControl: false,
    visibilityRatio: 0.5,
    maxZoomPixelRatio: 12,
    animationTime: 0.35,
    imageSmoothingEnabled: false,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true },
    tileSources: { type: "image", url: shown.photo },
  });
  const whole = new OpenSeadragon.Rect(0, 0, 1, shown.height / shown.width);

  // Outlines: an SVG laid over the photo in its own pixels; (0, 0) is the centre of the first one.
  const outlines = document.createElementNS(SVG, "svg");
  outlines.setAttribute("viewBox", `-0.5 -0.5 ${shown.width} ${shown.height}`);
  outlines.setAttribute("preserveAspectRatio", "none");
  outlines.setAttribute("aria-hidden", "true");
  outlines.id = "outlines";
  const groups = shown.defects.map((defect, index) => {
    const group = document.createElementNS(SVG, "g");
    group.dataset.defect = String(index);
    const d = `M${defect.outline.map((point) => point.join(" ")).join("L")}Z`;
    for (const name of ["edge", "halo", "line"]) { // dark, light, coloured: one of them shows on any leather
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      path.setAttribute("d", d);
      if (name === "line") path.setAttribute("stroke", defect.colour);
      group.append(path);
    }
    outlines.append(group);
    return group;
  });

  // Seams: a line through the needle holes, a tick across it at each, a ring round each place where something is wrong.
  const TICK_PX = Math.max(shown.width, shown.height) / 250;
  for (const seam of shown.seams || []) {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", seam.readable ? "seam" : "seam faint");
    const points = seam.points;
    const ticks = points.map(([x, y], at) => {
      const before = points[Math.max(0, at - 1)];
      const after = points[Math.min(points.length - 1, at + 1)];
      const length = Math.hypot(after[0] - before[0], after[1] - before[1]) || 1;
      const [dx, dy] = [-(after[1] - before[1]) / length * TICK_PX, (after[0] - before[0]) / length * TICK_PX];
      return `M${x - dx} ${y - dy}L${x + dx} ${y + dy}`;
    }).join("");
    const line = `M${points.map((point) => point.join(" ")).join("L")}${seam.closed ? "Z" : ""}`;
    for (const [name, d] of [["under", ticks], ["row", line], ["ticks", ticks]]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      path.setAttribute("d", d);
      group.append(path);
    }
    const marks = [...seam.bad.map((at) => [at, "bad"]), ...seam.unsure.map((at) => [at, "unsure"])];
    for (const [at, name] of marks) {
      const [a, b] = [points[at], points[(at + 1) % points.length]];
      const ring = document.createElementNS(SVG, "circle");
      ring.setAttribute("cx", (a[0] + b[0]) / 2);
      ring.setAttribute("cy", (a[1] + b[1]) / 2);
      ring.setAttribute("r", Math.max(2.5 * TICK_PX, Math.hypot(b[0] - a[0], b[1] - a[1]) / 2));
      ring.setAttribute("class", name);
      group.append(ring);
    }
    outlines.append(group);
  }
  for (const row of document.querySelectorAll("[data-seam-row]")) {
    row.addEventListener("toggle", () => {
      const group = outlines.querySelectorAll("g.seam")[Number(row.dataset.seamRow)];
      if (group) group.classList.toggle("picked", row.open);
    });
  }

  // Heat map: the probability map, 0 to 255 for 0 to 1, in the colours that the service draws with: one scale for every
  // photo, never stretched to what this one holds.
  const colours = Uint8ClampedArray.from(shown.heat.flat());
  const heat = document.createElement("canvas");
  heat.className = "heat";
  heat.id = "heat";
  let heatDrawn = false;
  async function drawHeat() {
    const picture = new Image();
    picture.src = shown.surface;
    await picture.decode();
    heat.width = picture.naturalWidth;
    heat.height = picture.naturalHeight;
    const context = heat.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    const pixels = context.getImageData(0, 0, heat.width, heat.height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      pixels.data.set(colours.subarray(pixels.data[at] * 4, pixels.data[at] * 4 + 4), at);
    }
    context.putImageData(pixels, 0, 0);
  }

  viewer.addHandler("open", () => {
    viewer.addOverlay({ element: heat, location: whole });
    viewer.addOverlay({ element: outlines, location: whole });
    toggle("outlines", remembered("outlines", true));
    toggle("heat", remembered("heat", false));
    box.dataset.ready = "yes";
  });
  viewer.addHandler("open-failed", () => {
    const message = document.createElement("p");
    message.textContent = shown.texts.failed;
    box.replaceChildren(message);
  });

  // Each layer is remembered while the browser tab lives, so that going to the next result keeps it.
  function remembered(name, otherwise) {
    const value = window.sessionStorage.getItem(`welt.${name}`);
    return value === null ? otherwise : value === "on";
  }
  const layers = { outlines, heat };
  function toggle(name, on) {
    layers[name].style.visibility = on ? "visible" : "hidden";
    document.querySelector(`[data-toggle="${name}"]`).setAttribute("aria-pressed", String(on));
    window.sessionStorage.setItem(`welt.${name}`, on ? "on" : "off");
    if (name === "heat" && on && !heatDrawn && shown.surface) {
      heatDrawn = true;
      drawHeat().catch(() => { heatDrawn = false; });
    }
  }
  const flip = (name) => {
    const button = document.querySelector(`[data-toggle="${name}"]`);
    if (!button.disabled) toggle(name, button.getAttribute("aria-pressed") !== "true");
  };

  // Picking
  function pick(index, { move }) {
    for (const group of groups) group.classList.toggle("picked", group.dataset.defect === String(index));
    for (const row of document.querySelectorAll("[data-defect-row]")) {
      row.classList.toggle("picked", row.dataset.defectRow === String(index));
      const button = row.querySelector("button");
      if (button) button.setAttribute("aria-pressed", String(row.dataset.defectRow === String(index)));
    }
    if (index === null || !move) return;
    const xs = shown.defects[index].outline.map((point) => point[0]);
    const ys = shown.defects[index].outline.map((point) => point[1]);
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    const size = Math.max(Math.max(...xs) - x, Math.max(...ys) - y, 40) * 3;
    const middle = [x / 2 + Math.max(...xs) / 2, y / 2 + Math.max(...ys) / 2];
    viewer.viewport.fitBoundsWithConstraints(
      new OpenSeadragon.Rect((middle[0] - size / 2) / shown.width, (middle[1] - size / 2) / shown.width, size / shown.width, size / shown.width),
    );
  }
  const nearest = (x, y, reach) => {
    let best = null;
    let bestDistance = reach;
    shown.defects.forEach((defect, index) => {
      const path = groups[index].querySelector(".line");
      const point = new DOMPoint(x, y);
      const inside = path.isPointInFill(point);
      const distance = inside ? 0 : Math.min(...defect.outline.map(([px, py]) => Math.hypot(px - x, py - y)));
      if (distance < bestDistance || (inside && best === null)) [best, bestDistance] = [index, distance];
    });
    return best;
  };
  viewer.addHandler("canvas-click", (event) => {
    if (!event.quick) return;
    const at = viewer.viewport.pointFromPixel(event.position);
    const pixelsPerPoint = shown.width / (viewer.viewport.getZoom(true) * viewer.viewport.getContainerSize().x);
    pick(nearest(at.x * shown.width - 0.5, at.y * shown.width - 0.5, NEAR_PX * pixelsPerPoint), { move: false });
  });
  viewer.addHandler("canvas-key", (event) => { event.preventDefaultAction = true; });
  for (const row of document.querySelectorAll("[data-defect-row]")) {
    row.addEventListener("click", () => pick(Number(row.dataset.defectRow), { move: true }));
  }

  const zoom = (factor) => { viewer.viewport.zoomBy(factor); viewer.viewport.applyConstraints(); };
  const actions = {
    "zoom-in": () => zoom(1.6),
    "zoom-out": () => zoom(1 / 1.6),
    home: () => viewer.viewport.goHome(),
    help: () => document.getElementById("help").showModal(),
  };
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-toggle], [data-do]") : null;
    if (!target) return;
    if (target.dataset.toggle) flip(target.dataset.toggle);
    else actions[target.dataset.do]();
  });

  // Keyboard
  const press = (selector) => {
    const element = document.querySelector(selector);
    if (element && !element.disabled) element.click();
  };
  const keys = {
    j: () => press("[data-next]"), ArrowRight: () => press("[data-next]"),
    k: () => press("[data-previous]"), ArrowLeft: () => press("[data-previous]"),
    a: () => press("[data-decision='agree']"),
    1: () => press("[data-decision='A']"), 2: () => press("[data-decision='B']"),
    3: () => press("[data-decision='C']"), 4: () => press("[data-decision='recheck']"),
    c: () => { const comment = document.getElementById("comment"); if (comment) comment.focus(); },
    o: () => flip("outlines"), h: () => flip("heat"),
    "+": actions["zoom-in"], "=": actions["zoom-in"], "-": actions["zoom-out"], 0: actions.home,
    "?": actions.help, Escape: () => pick(null, { move: false }),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const typing = event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, dialog[open]");
    if (typing) {
      if (event.key === "Escape" && typing.tagName === "TEXTAREA") typing.blur();
      return;
    }
    const act = keys[event.key] || keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
