// What every page does in the browser. It makes nodes with textContent only: what servers and people
// wrote is never read as HTML.
(() => {
  "use strict";

  // Moments in the reader's own time zone; the title keeps UTC.
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  function localise(root) {
    const today = new Date().toDateString();
    for (const node of root.querySelectorAll("time.local")) {
      const at = new Date(node.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const text = (at.toDateString() === today ? "" : day.format(at) + " ") + clock.format(at);
      if (node.textContent !== text) node.textContent = text;
    }
  }

  // Parts that ask again from time to time: not while nobody looks, and not without saying so when
  // the bot does not answer.
  const stale = () => document.getElementById("stale");
  let fresh = new Date();
  const polls = (event) => event.detail?.ctx?.sourceElement?.getAttribute?.("hx-trigger")?.includes("every");
  document.addEventListener("htmx:before:request", (event) => {
    if (polls(event) && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    localise(document);
    if (polls(event) && event.detail.ctx.response?.status < 400) {
      fresh = new Date();
      if (stale()) stale().hidden = true;
    }
  });
  function detailOf(text) {
    try { return JSON.parse(text).detail || ""; } catch { return ""; }
  }
  function failed(event) {
    const box = polls(event) ? stale() : document.getElementById("answer") || stale();
    if (!box) return;
    const { response, text, sourceElement } = event.detail.ctx;
    const status = response?.status;
    if (status === 401) {
      const link = document.createElement("a");
      link.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
      link.target = "_blank";
      link.textContent = "Sign in (new tab)";
      const then = polls(event) ? ". This page goes on by itself then." : ", and send it again. What you typed is still here.";
      box.replaceChildren("Your session has ended. Nothing was done. ", link, then);
      box.classList.add("notice", "bad");
      box.hidden = false;
      return;
    }
    const detail = detailOf(text);
    const why = detail || (status ? `The bot answered with an error (${status}).` : "The bot does not answer.");
    let then = detail ? "" : " Try again in a moment.";
    if (polls(event)) then = ` This page shows how it was at ${clock.format(fresh)}. It tries again by itself.`;
    else if (sourceElement.tagName === "FORM" && !detail) then = " It is not known whether the request arrived. Look at the history before you ask again.";
    box.textContent = why + then;
    box.classList.add("notice", "bad");
    box.hidden = false;
  }
  document.addEventListener("htmx:error", (event) => { if (event.detail?.ctx) failed(event); });
  document.addEventListener("htmx:response:error", (event) => {
    if (!event.detail.ctx.hx?.redirect) failed(event);
  });

  // The key of a form makes what it asks happen once. Other words, and what is asked again after an answer
  // came, are another request.
  function renew(form) {
    const key = form.querySelector?.("input[name=key]");
    if (key) key.value = Array.from(crypto.getRandomValues(new Uint32Array(4)), (one) => one.toString(36)).join("");
  }
  document.addEventListener("submit", (event) => { event.target.dataset.sent = ""; });
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form && "sent" in form.dataset) { delete form.dataset.sent; renew(form); }
  });

  // An answer comes into view; what it still asks for gets the focus.
  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail?.ctx?.sourceElement;
    if (source?.tagName !== "FORM") return;
    const { response, target } = event.detail.ctx;
    if (response.status < 500) renew(source); // else nobody knows whether it arrived
    const answer = document.getElementById("answer");
    if (!answer || target !== answer || response.status >= 400) return;
    answer.classList.remove("notice", "bad"); // of an error before
    answer.scrollIntoView({ block: "nearest" });
    answer.querySelector("form input:not([type=hidden])")?.focus({ preventScroll: true });
  });

  // What a button did is said on it for a moment.
  function tell(button, words, milliseconds) {
    button.dataset.label ??= button.textContent;
    button.textContent = words;
    setTimeout(() => { button.textContent = button.dataset.label; }, milliseconds);
  }

  // What is copied with one click.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard, as over plain HTTP: it is selected, for Ctrl-C
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
      tell(button, "Selected: press Ctrl-C", 4000);
      return;
    }
    tell(button, "Copied", 1500);
  });

  // "/" goes to the command box, as people know it from elsewhere.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = document.getElementById("command");
    if (box) { event.preventDefault(); box.focus(); }
  });

  // On a phone the sections are a row that scrolls: the one that is open is in view.
  const row = document.querySelector(".sections ul");
  const open = row?.querySelector("[aria-current]");
  if (open) row.scrollLeft = open.offsetLeft - row.clientWidth / 2;

  localise(document);
})();
