// On every page: times in the viewer's zone, forms without empty fields, an answer for a session that ended.
"use strict";

(() => {
  const root = document.documentElement;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  // The server writes times in the zone that the cookie names. Only the very first page of a browser comes in UTC,
  // and is put right here.
  const twoDigits = (number) => String(number).padStart(2, "0");
  function local(moment) {
    const day = [moment.getFullYear(), twoDigits(moment.getMonth() + 1), twoDigits(moment.getDate())].join("-");
    const time = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(twoDigits).join(":");
    return `${day} ${time}`;
  }

  function localTimes(within) {
    if (root.dataset.zone === zone) return;
    for (const element of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (!Number.isNaN(moment.getTime())) element.textContent = local(moment);
    }
  }

  if (root.dataset.zone !== zone) {
    document.cookie = `welt_zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax`;
  }
  localTimes(document);
  document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));
  document.addEventListener("welt:rows", (event) => localTimes(event.target));

  // Filters go into the address; fields that say nothing stay out of it.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") return;
    const parameters = event.detail.parameters;
    for (const name of Object.keys(parameters)) {
      if (parameters[name] === "") delete parameters[name];
    }
  });

  // Filters change the address without loading the page, so what to come back to is known only here.
  for (const form of document.querySelectorAll("form[data-back]")) {
    form.addEventListener("submit", () => {
      form.elements.back.value = window.location.pathname + window.location.search;
    });
  }

  // A session that ended while the page was open: the page itself knows the way to the login.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 401) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });

  // The filter applies each change at once; without a script the button does it.
  for (const element of document.querySelectorAll("[data-without-script]")) element.hidden = true;

  const copy = document.querySelector("[data-copy]");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.querySelector(copy.dataset.copy).textContent.trim());
      copy.textContent = copy.dataset.done;
    });
  }
})();
