// Keeps the list of results, or the shop-floor screen, up to date while the service reports new ones.
//
// An event only says that something is new. What is new is then asked for with the filters of the page, so a row never
// shows what the filter excludes, and nothing is missed while the connection was away: each connection begins with a
// question.
"use strict";

(() => {
  const ROWS_KEPT = 200; // a screen that stays on for weeks must not grow
  const ASK_AFTER_MS = 150; // several results within this time are asked for together
  const RETRY_AFTER_MS = 3000;
  const AWAY_FROM_TOP_PX = 160; // further down than this, the reader is reading, and rows must not move

  const stateText = document.querySelector("[data-live-state]");
  const moreNew = document.querySelector("[data-more-new]");
  if (!stateText) return;

  const listed = () => document.querySelector("[data-live]");
  let source = null;
  let connected = false;
  let wasConnected = false;
  let asking = false;
  let askAgain = false;
  let timer = 0;
  let waiting = [];

  function showState() {
    const list = listed();
    let state = connected ? "on" : "lost";
    if (connected && list && (list.dataset.live === "held" || waiting.length > 0)) state = "paused";
    if (stateText.dataset.state === state) return;
    stateText.dataset.state = state;
    stateText.textContent = stateText.dataset[state];
  }

  function showWaiting() {
    if (moreNew) {
      moreNew.hidden = waiting.length === 0;
      const button = moreNew.querySelector("button");
      button.textContent = button.dataset.text.replace("{n}", String(waiting.length));
    }
    showState();
  }

  const reading = () => window.scrollY > AWAY_FROM_TOP_PX || document.querySelector("[data-live] :focus") !== null;

  function insert(list, rows) {
    for (const row of [...rows].reverse()) {
      row.classList.add("fresh");
      list.prepend(row);
    }
    while (list.children.length > ROWS_KEPT) list.lastElementChild.remove();
    const empty = document.querySelector("[data-empty]");
    if (empty) empty.hidden = list.children.length > 0;
    list.dispatchEvent(new CustomEvent("welt:rows", { bubbles: true }));
  }

  function takeWaiting() {
    const list = listed();
    if (list) insert(list, waiting);
    waiting = [];
    showWaiting();
  }

  const sequenceOf = (row) => Number(row.dataset.sequence);
  function newest(list) {
    return Math.max(0, ...[...list.children, ...waiting].map(sequenceOf));
  }

  function merge(list, came) {
    const known = new Set([...list.children, ...waiting].map((row) => row.dataset.id));
    waiting = [...came.filter((row) => !known.has(row.dataset.id)), ...waiting];
    waiting.length = Math.min(waiting.length, ROWS_KEPT);
    if (reading()) showWaiting();
    else takeWaiting();
  }

  function replace(came) {
    for (const row of came) {
      const place = waiting.findIndex((other) => other.dataset.id === row.dataset.id);
      if (place >= 0) waiting[place] = row;
      const old = document.querySelector(`[data-live] > [data-id="${row.dataset.id}"]`);
      if (!old) continue;
      old.replaceWith(row);
      row.dispatchEvent(new CustomEvent("welt:rows", { bubbles: true }));
    }
  }

  const within = (address, name, value) => `${address}${address.includes("?") ? "&" : "?"}${name}=${value}`;

  // Rows at an address; null when the service is away, and the next connection asks again.
  async function fetched(address) {
    try {
      const response = await fetch(address, { cache: "no-store" });
      if (response.status === 401) window.location.reload();
      if (!response.ok) return null;
      return new DOMParser().parseFromString(await response.text(), "text/html").body;
    } catch (error) {
      if (error instanceof TypeError) return null; // how fetch says that the service is away
      throw error;
    }
  }

  async function ask() {
    const list = listed();
    if (!list || list.dataset.live === "held") return;
    if (asking) {
      askAgain = true;
      return;
    }
    asking = true;
    const address = list.dataset.rows;
    const whole = list.hasAttribute("data-whole");
    const body = await fetched(whole ? address : within(address, "after", newest(list)));
    asking = false;
    const now = listed(); // the filters may have changed meanwhile
    if (body && now && now.dataset.rows === address) {
      if (whole) {
        now.replaceChildren(...body.childNodes);
        now.dispatchEvent(new CustomEvent("welt:rows", { bubbles: true }));
      } else {
        const came = [...body.querySelectorAll("[data-id]")];
        merge(now, came);
        if (came.length > 0) askAgain = true; // there may be more than one answer holds
      }
      document.body.dispatchEvent(new CustomEvent("welt:changed"));
    }
    if (askAgain) {
      askAgain = false;
      askSoon();
    }
  }

  // Reviews made while the connection was away: rows whose review is not the one that is shown are put in anew.
  async function refresh() {
    const list = listed();
    if (!list || list.hasAttribute("data-whole")) return;
    const shown = new Map([...list.children].map((row) => [row.dataset.id, row.dataset.revision]));
    const body = await fetched(window.location.href);
    if (body) {
      replace([...body.querySelectorAll("[data-live] > [data-id]")].filter(
        (row) => shown.has(row.dataset.id) && shown.get(row.dataset.id) !== row.dataset.revision,
      ));
    }
  }

  function askSoon() {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, ASK_AFTER_MS);
  }

  function connect() {
    if (source || document.hidden) return;
    source = new EventSource(stateText.dataset.events);
    source.addEventListener("open", () => {
      connected = true;
      showState();
      askSoon();
      if (wasConnected) refresh();
      wasConnected = true;
    });
    source.addEventListener("inspected", askSoon);
    source.addEventListener("lagged", askSoon);
    source.addEventListener("reviewed", async (event) => {
      const list = listed();
      if (!list) return;
      if (list.hasAttribute("data-whole")) {
        askSoon();
        return;
      }
      const id = JSON.parse(event.data).result_id;
      if (!document.querySelector(`[data-live] > [data-id="${id}"]`)) return;
      const body = await fetched(within(list.dataset.rows, "only", id));
      if (body) replace([...body.querySelectorAll("[data-id]")]);
    });
    source.addEventListener("error", () => {
      connected = false;
      showState();
      if (source && source.readyState === EventSource.CLOSED) {
        source = null;
        window.setTimeout(connect, RETRY_AFTER_MS);
      }
    });
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  // A browser opens six connections to one address and no more: a page that nobody looks at must not hold one.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) disconnect();
    else connect();
  });
  window.addEventListener("pagehide", disconnect);

  if (moreNew) {
    moreNew.querySelector("button").addEventListener("click", () => {
      window.scrollTo({ top: 0 });
      takeWaiting();
    });
  }
  window.addEventListener("scroll", () => {
    if (waiting.length > 0 && !reading()) takeWaiting();
  }, { passive: true });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "results") return;
    waiting = [];
    showWaiting();
    askSoon();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  showState();
  connect();
})();
