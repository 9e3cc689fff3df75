// The form of a command and the slash command that it equals follow each other; what it would reach is
// asked for as it changes.
(() => {
  "use strict";
  const form = document.getElementById("command-form");
  const slash = document.getElementById("slash");
  const wrong = document.getElementById("slash-wrong");
  const plan = document.getElementById("plan");
  const when = document.getElementById("when"); // what the bot answers itself has none
  const rollout = document.getElementById("rollout"); // of what goes to each server by itself
  const button = form.querySelector("button.primary");
  const command = form.dataset.command;
  let timer;
  let asked = 0; // what is typed while an answer is on its way makes that answer an old one
  let pending = false; // the slash command says what the form does not say yet

  function later(work, milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  }

  // The inputs that the slash command consists of.
  function said(name) {
    return name === "when" || Boolean(name?.startsWith("f-") || name?.startsWith("rollout-"));
  }

  function query() {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (said(name) && value) fields.set(name, value); // a ticked box comes after what it says if it is not
    }
    const text = fields.toString();
    return text ? "?" + text : "";
  }

  function look() {
    const fields = query();
    button.textContent = `${when?.value.trim() ? "Schedule" : "Run"} /${command}`;
    // the address has what is filled in: a reload, or a sign-in that comes between, loses nothing
    history.replaceState(null, "", location.pathname + fields);
    htmx.ajax("GET", `/run/${encodeURIComponent(command)}/plan${fields}`, { source: "#plan", target: "#plan", swap: "innerMorph" });
  }

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail?.ctx?.target !== plan) return;
    const text = plan.querySelector("[data-text]")?.dataset.text;
    if (text && !pending && document.activeElement !== slash) slash.value = text;
  });

  // What was changed last counts: the other one follows it.
  form.addEventListener("input", (event) => {
    asked += 1;
    pending = event.target === slash;
    if (pending) later(follow, 350);
    else later(look, 250);
  });

  async function follow() {
    const mine = asked;
    let answer;
    try {
      const response = await fetch("/run/typed?" + new URLSearchParams({ text: slash.value }), { headers: { Accept: "application/json" } });
      answer = await response.json();
    } catch {
      return;
    }
    if (mine !== asked) return;
    const other = answer.command && answer.command !== command;
    wrong.textContent = answer.problem || (other ? `This is /${answer.command}. Press Enter to open its form.` : "");
    wrong.hidden = !wrong.textContent;
    if (!answer.command || other) return;
    for (const field of form.elements) {
      if (!said(field.name) || field.type === "hidden") continue; // hidden: what a box says that is not ticked
      const value = answer.fields[field.name] || "";
      if (field.type === "checkbox") field.checked = Boolean(value) && value !== "no";
      else {
        if (field.tagName === "SELECT" && value && ![...field.options].some((one) => one.value === value)) field.add(new Option(value, value));
        field.value = value;
      }
    }
    if (rollout && Object.keys(answer.fields).some((name) => name.startsWith("rollout-"))) rollout.open = true;
    pending = false;
    look();
  }

  function open() {
    location.href = "/run?" + new URLSearchParams({ text: slash.value });
  }

  slash.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    open();
  });

  // A second click while the first is on its way would be the same request anyway; this says so.
  // While the form does not say what the slash command says, its fields are not what was meant.
  form.addEventListener("submit", (event) => {
    if (pending) { event.preventDefault(); open(); return; }
    setTimeout(() => { button.disabled = true; });
  });
  addEventListener("pageshow", () => { button.disabled = false; });
})();
