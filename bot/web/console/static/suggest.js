// A command box: what may come next, by keyboard and for screen readers (ARIA combobox with a list).
(() => {
  "use strict";
  for (const box of document.querySelectorAll("[data-suggest]")) attach(box);

  function attach(box) {
    const list = document.getElementById(box.getAttribute("aria-controls"));
    let found = [];
    let chosen = -1;
    let timer;
    let asked = 0;

    function close() {
      list.hidden = true;
      found = [];
      chosen = -1;
      box.setAttribute("aria-expanded", "false");
      box.removeAttribute("aria-activedescendant");
    }

    function mark(place) {
      chosen = place;
      [...list.children].forEach((item, at) => {
        item.setAttribute("aria-selected", String(at === place));
        if (at === place) {
          item.scrollIntoView({ block: "nearest" });
          box.setAttribute("aria-activedescendant", item.id);
        }
      });
      if (place < 0) box.removeAttribute("aria-activedescendant");
    }

    function take(place) {
      const one = found[place];
      box.value = box.value.slice(0, box.value.length - one.replaces) + one.text + " ";
      close();
      box.focus();
      ask();
    }

    function show(items) {
      found = items;
      list.replaceChildren(...items.map((one, at) => {
        const item = document.createElement("li");
        item.id = `${list.id}-${at}`;
        item.setAttribute("role", "option");
        const text = document.createElement("span");
        text.textContent = one.text;
        const meaning = document.createElement("span");
        meaning.textContent = one.meaning;
        item.append(text, meaning);
        item.addEventListener("mousedown", (event) => { event.preventDefault(); take(at); });
        return item;
      }));
      list.hidden = !items.length;
      box.setAttribute("aria-expanded", String(items.length > 0));
      mark(-1);
    }

    async function ask() {
      const number = ++asked;
      if (!box.value.trim()) return close();
      try {
        const answer = await fetch("/suggestions?" + new URLSearchParams({ typed: box.value }), { headers: { Accept: "application/json" } });
        if (number !== asked || !answer.ok || document.activeElement !== box) return;
        show((await answer.json()).suggestions);
      } catch {
        close();
      }
    }

    box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
    box.addEventListener("blur", close);
    box.addEventListener("keydown", (event) => {
      if (list.hidden) {
        if (event.key === "ArrowDown") { event.preventDefault(); ask(); }
        return;
      }
      if (event.key === "ArrowDown") { event.preventDefault(); mark((chosen + 1) % found.length); }
      else if (event.key === "ArrowUp") { event.preventDefault(); mark((chosen <= 0 ? found.length : chosen) - 1); }
      else if (event.key === "Escape") { event.preventDefault(); close(); }
      else if (event.key === "Tab" && chosen >= 0) { event.preventDefault(); take(chosen); }
      else if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); take(chosen); }
    });
  }
})();
