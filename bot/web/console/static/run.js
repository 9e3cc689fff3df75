// The form of a command and the slash command that it equals follow each other; what it would reach is
// asked for as it changes.
(() => {
  "use strict";
  const form = document.getElementById("command-form");
  const slash = document.getElementById("slash");
  const wrong = document.getElementById("slash-wrong");
  const plan = document.getElementById("plan");
  if (!form) return;
  const command = form.dataset.command;
  let timer;

  function later(work, milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  }

  function query() {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (name.startsWith("f-") && value) fields.append(name, value);
    }
    const text = fields.toString();
    return text ? "?" + text : "";
  }

  function look() {
    const fields = query();
    // the address has what is filled in: a reload, or a sign-in that comes between, loses nothing
    history.replaceState(null, "", location.pathname + fields);
    htmx.ajax("GET", `/run/${encodeURIComponent(command)}/plan${fields}`, { target: "#plan", swap: "innerMorph" });
  }

  document.addEventListener("htmx:after:swap", () => {
    const text = plan.querySelector("[data-text]")?.dataset.text;
    if (text && document.activeElement !== slash) slash.value = text;
  });

  form.addEventListener("input", (event) => {
    if (event.target === slash) later(follow, 350);
    else later(look, 250);
  });

  async function follow() {
    let said;
    try {
      const answer = await fetch("/run/typed?" + new URLSearchParams({ text: slash.value }), { headers: { Accept: "application/json" } });
      said = await answer.json();
    } catch {
      return;
    }
    const other = said.command && said.command !== command;
    wrong.textContent = said.problem || (other ? `This is /${said.command}. Press Enter to open its form.` : "");
    wrong.hidden = !wrong.textContent;
    if (!said.command || other) return;
    for (const field of form.elements) {
      if (!field.name?.startsWith("f-")) continue;
      const value = said.fields[field.name] || "";
      if (field.type === "checkbox") field.checked = Boolean(value) && value !== "no";
      else {
        if (field.tagName === "SELECT" && value && ![...field.options].some((one) => one.value === value)) field.add(new Option(value, value));
        field.value = value;
      }
    }
    look();
  }

  slash.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    location.href = "/run?" + new URLSearchParams({ text: slash.value });
  });

  // A second click while the first is on its way would be the same request anyway; this says so.
  form.addEventListener("submit", () => {
    const button = form.querySelector("button.primary");
    setTimeout(() => { button.disabled = true; });
  });
  addEventListener("pageshow", () => { form.querySelector("button.primary").disabled = false; });
})();
