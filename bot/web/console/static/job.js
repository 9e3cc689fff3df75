// The page of a job: its servers, its log, what one can do about it, and how it was at any moment.
(() => {
  "use strict";
  const page = document.getElementById("job");
  const box = document.getElementById("log");
  if (!page || !box) return; // who may not read the log gets the page as it is
  const id = page.dataset.id;
  const byId = (name) => document.getElementById(name);
  const MOST_ROWS = Number(byId("runs").dataset.most);
  const MOST_NAMED = Number(page.dataset.named);
  const FINAL = new Set(page.dataset.final.split(" "));
  const URGENCY = page.dataset.urgency.split(" "); // the states in the order in which they need attention
  const WORDS = {
    connecting: "Connecting …", live: "Live", reconnecting: "No connection to the bot. The page tries again by itself.",
    paused: "Paused while nobody looks", polling: "Read every 2 s: this browser watches other jobs live", ended: "Ended",
    "refused-401": "Your session has ended. Sign in again.", "refused-403": "You may not read this job any more.",
    "refused-404": "This job is no longer kept.",
  };
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

  let job = { closed: page.dataset.closed || null, hold: page.dataset.hold };
  let announced = Boolean(job.closed);
  let runs = new Map();
  let then = ""; // the moment of the slider; empty: now

  function node(tag, classes, text) {
    const made = document.createElement(tag);
    if (classes) made.className = classes;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  async function read(address, parameters) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== undefined));
    const answer = await fetch(`${address}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.ok) return answer.json();
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || problem.error || `The bot answered with an error (${answer.status}).`);
  }

  function say(error) {
    const notice = byId("log-error");
    notice.textContent = error ? (error instanceof TypeError ? "The bot does not answer. Try again in a moment." : error.message) : "";
    notice.hidden = !error;
  }

  // -- servers

  const runKey = (run) => `${run.host}@${run.attempt}`;
  const ended = () => [...runs.values()].every((run) => FINAL.has(run.state));
  const overall = (all) => (all.some((run) => !FINAL.has(run.state))
    ? (all.every((run) => run.state === "held" || FINAL.has(run.state)) ? "held" : all.some((run) => run.started) ? "running" : "sent")
    : all.map((run) => run.state).sort((a, b) => URGENCY.indexOf(a) - URGENCY.indexOf(b))[0] || "succeeded");
  const last = () => {
    const found = new Map();
    for (const run of runs.values()) if ((found.get(run.host)?.attempt || 0) < run.attempt) found.set(run.host, run);
    return [...found.values()];
  };

  function length(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }

  function took(run) {
    const begun = run.started || run.sent;
    if (!begun) return "";
    const end = run.finished || (then || (FINAL.has(run.state) ? begun : new Date().toISOString()));
    return length((new Date(end) - new Date(begun)) / 1000);
  }

  function pill(state) { return node("span", `state state-${state}`, state); }

  // Changes only what differs: a screen reader and a selection stay where they are.
  function fill(row, run) {
    const [state, host, bar, text, time] = row.children;
    if (state.textContent !== run.state) state.replaceChildren(pill(run.state));
    const called = run.attempt > 1 ? `${run.host} (attempt ${run.attempt})` : run.host;
    if (host.firstChild.textContent !== called) host.firstChild.textContent = called;
    const meter = bar.firstElementChild;
    const open = !FINAL.has(run.state);
    bar.hidden = !open || run.state === "held" || run.state === "queued" || run.state === "sent";
    meter.setAttribute("aria-label", `Progress on ${run.host}`);
    if (run.percent === null || run.percent === undefined) meter.removeAttribute("value"); else meter.value = run.percent;
    let said = open ? [run.step, run.text !== run.step ? run.text : ""].filter(Boolean).join(": ") : run.text;
    if (run.late) said += ` (reported later: ${run.late})`;
    if (text.textContent !== said) text.textContent = said;
    const length = took(run);
    if (time.textContent !== length) time.textContent = length;
  }

  function newRow() {
    const row = node("li", "run");
    const host = node("span", "host");
    const only = node("button", "link-like", "");
    only.type = "button";
    only.title = "Show only the output of this server";
    only.addEventListener("click", () => choose({ host: row.dataset.host }));
    host.append(only);
    const bar = node("span", "bar");
    const meter = node("progress");
    meter.max = 100;
    bar.append(meter);
    row.append(node("span"), host, bar, node("span", "text"), node("span", "took"));
    return row;
  }

  function drawRuns() {
    const list = byId("runs");
    const all = last().sort((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state) || a.host.localeCompare(b.host));
    const few = all.length <= MOST_ROWS;
    const shown = few ? all.sort((a, b) => a.host.localeCompare(b.host)) : all.slice(0, MOST_ROWS);
    while (list.children.length > shown.length) list.lastElementChild.remove();
    while (list.children.length < shown.length) list.append(newRow());
    shown.forEach((run, at) => {
      list.children[at].dataset.host = run.host;
      fill(list.children[at], run);
    });
    const more = byId("more-runs");
    more.hidden = few;
    more.textContent = few ? "" : `and ${all.length - MOST_ROWS} more servers`;
  }

  function named(some) {
    const hosts = some.map((run) => run.host);
    const more = hosts.length > MOST_NAMED ? ` and ${hosts.length - MOST_NAMED} more` : "";
    return hosts.slice(0, MOST_NAMED).join(", ") + more || "no server";
  }

  function drawJob() {
    const all = last();
    const state = overall(all);
    const counts = URGENCY.map((word) => [all.filter((run) => run.state === word).length, word]).filter(([count]) => count);
    const words = counts.map(([count, word]) => `${count} ${word}`).join(", ");
    if (byId("state").textContent !== state) byId("state").replaceChildren(pill(state));
    if (byId("counts").textContent !== words) byId("counts").textContent = words; // read aloud
    const end = then || job.closed || new Date().toISOString();
    byId("took").textContent = length((new Date(end) - new Date(page.dataset.asked)) / 1000);
    byId("cancelled-by").textContent = job.cancelled_by ? `Cancelled by ${job.cancelled_by}.` : "";
    const now = [...runs.values()];
    const over = !then && ended() && now.length > 0;
    for (const button of document.querySelectorAll("[data-when]")) {
      const { when, question } = button.dataset;
      const about = all.filter((run) => (when === "open" ? !FINAL.has(run.state) : when === "ended" || run.state !== "succeeded"));
      button.setAttribute("hx-confirm", `${question} ${named(about)}.`);
      button.hidden = Boolean(then) || (when === "open" ? over || Boolean(job.cancelled_by) || !now.length
        : when === "ended" ? !over : !over || last().every((run) => run.state === "succeeded"));
    }
  }

  function draw() { drawRuns(); drawJob(); drawChoices(); }

  // -- the log

  const steps = new Set();
  const log = new window.Baton.Log(box, async (parameters) => {
    try {
      const found = await read(`/jobs/${id}/lines`, parameters);
      say(null);
      learn(found.lines);
      return found;
    } catch (error) {
      say(error);
      throw error;
    }
  }, drawLog);

  function learn(lines) {
    const before = steps.size;
    for (const line of lines) if (line.step && steps.size < 200) steps.add(line.step);
    if (steps.size !== before) drawChoices();
  }

  function options(select, all, names) {
    if (select.options.length === names.length + 1) return;
    const chosen = select.value;
    select.replaceChildren(new Option(all, ""), ...names.map((one) => new Option(one, one)));
    select.value = names.includes(chosen) ? chosen : "";
  }

  function drawChoices() {
    options(byId("of-host"), "All servers", [...new Set([...runs.values()].map((run) => run.host))].sort().slice(0, 1000));
    options(byId("of-step"), "All steps", [...steps]);
  }

  function drawLog() {
    box.classList.toggle("one", Boolean(log.view.host) || new Set([...runs.values()].map(runKey)).size < 2);
    byId("follow").textContent = log.follow ? "Pause" : "Follow";
    byId("follow").hidden = Boolean(then) || (stream.finished && log.follow);
    byId("of-host").value = log.view.host;
    byId("of-step").value = log.view.step;
    byId("log-empty").hidden = !log.empty;
    byId("log-empty").textContent = log.view.until ? "Nothing was written until then." : log.view.host || log.view.step ? "No line matches the filters." : ended() ? "No server wrote anything." : "No server has written anything yet.";
  }

  function choose(view) {
    log.look(view).then(drawLog, () => {});
  }

  byId("of-host").addEventListener("change", (event) => choose({ host: event.target.value }));
  byId("of-step").addEventListener("change", (event) => choose({ step: event.target.value }));
  byId("times").addEventListener("change", (event) => box.classList.toggle("times", event.target.checked));
  byId("follow").addEventListener("click", () => {
    if (log.follow) { log.follow = false; drawLog(); } else if (log.moreAfter) { log.toEnd().catch(() => {}); } else { log.follow = true; log.bottom(); drawLog(); }
  });
  box.addEventListener("mouseover", (event) => {
    const line = event.target.closest(".l");
    if (line && !line.title) line.title = `${line.dataset.h}, line ${line.dataset.n}, ${new Date(line.dataset.t).toLocaleString()}${line.dataset.s ? `, ${line.dataset.s}` : ""}`;
  });

  // -- links to a line: #web-2:L120, #web-2@2:L120 for a second attempt

  const linkOf = (line) => `#${encodeURIComponent(line.host)}${Number(line.attempt) > 1 ? `@${line.attempt}` : ""}:L${line.line}`;
  function lineOf(text) {
    let plain = text;
    try { plain = decodeURIComponent(text); } catch { /* as it was typed */ }
    const found = /^#?(?:([^\s:@]+)(?:@(\d{1,9}))?:)?L?(\d{1,12})$/.exec(plain.trim());
    if (!found) return null;
    const names = [...runs.values()].map((run) => run.host);
    const wanted = found[1] || log.view.host || (new Set(names).size === 1 ? names[0] : "");
    const host = names.includes(wanted) ? wanted : names.find((one) => one.split(".")[0] === wanted);
    if (!host) return null;
    const attempt = found[2] || Math.max(...[...runs.values()].filter((run) => run.host === host).map((run) => run.attempt));
    return { host, attempt, line: Number(found[3]) };
  }
  async function go(line) {
    if (!line) { say(new Error("There is no such line. Write it as web-2:L120.")); return; }
    const found = await log.jump(line).catch(() => true);
    if (!found) say(new Error(`${line.host} has no line ${line.line}.`));
    drawLog();
  }
  box.addEventListener("click", (event) => {
    const line = event.target.closest(".l");
    if (!line || event.clientX - line.getBoundingClientRect().left > parseFloat(getComputedStyle(line).paddingLeft)) return;
    const name = { host: line.dataset.h, attempt: line.dataset.a, line: line.dataset.n };
    history.replaceState(null, "", linkOf(name));
    log.mark(name);
    log.follow = false;
    drawLog();
  });
  window.addEventListener("hashchange", () => { if (location.hash.includes(":")) go(lineOf(location.hash.slice(1))); });
  byId("go").addEventListener("submit", (event) => {
    event.preventDefault();
    const line = lineOf(byId("line").value);
    if (line) history.replaceState(null, "", linkOf(line));
    go(line);
  });

  // -- search, by the server, over all of the output

  let hits = [];
  let next = "";
  let searching = 0;
  async function search(more) {
    const words = byId("words").value;
    const mine = (searching += 1);
    if (!more) { hits = []; next = ""; byId("hits").replaceChildren(); }
    byId("found").hidden = !words;
    if (!words) return;
    byId("found-words").textContent = "Searching …";
    try {
      const found = await read(`/api/v1/jobs/${id}/search`, { q: words, host: log.view.host, step: log.view.step, limit: "100", after: more ? next : "" });
      if (mine !== searching) return;
      hits = [...(more ? hits : []), ...found.lines];
      next = found.next || "";
      drawHits(found, more);
      if (!more && hits.length) byId("hits").querySelector("button").focus({ preventScroll: true });
    } catch (error) {
      if (mine === searching) byId("found-words").textContent = error instanceof TypeError ? "The bot does not answer." : error.message;
    }
  }
  let counted = "";
  function drawHits(found, more) {
    if (!more) counted = found.count === null || found.count === undefined ? "" : ` of ${found.whole === false ? "at least " : ""}${found.count.toLocaleString("en")}`;
    byId("found-words").textContent = hits.length ? `${hits.length.toLocaleString("en")}${counted} lines` : "No line has these words.";
    byId("more-hits").hidden = !next;
    // a list of some hundred is enough to look at; the older ones make room
    const list = byId("hits");
    list.replaceChildren(...hits.slice(-200).map((line) => {
      const item = node("li");
      const button = node("button", "hit");
      button.type = "button";
      button.append(node("span", "where", `${line.host}:L${line.line}`), node("span", "what", line.text));
      button.addEventListener("click", () => {
        list.querySelector("[aria-current]")?.removeAttribute("aria-current");
        button.setAttribute("aria-current", "true");
        history.replaceState(null, "", linkOf(line));
        go(line);
      });
      item.append(button);
      return item;
    }));
  }
  byId("search").addEventListener("submit", (event) => { event.preventDefault(); search(false); });
  byId("words").addEventListener("search", () => { if (!byId("words").value) search(false); });
  byId("more-hits").addEventListener("click", () => search(true));
  byId("hits").addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const other = step && event.target.closest("li")?.[step]?.firstElementChild;
    if (other) { event.preventDefault(); other.focus(); }
  });

  // -- back in time

  const slider = byId("moment");
  const begin = new Date(page.dataset.asked).getTime();
  let over = job.closed ? new Date(job.closed).getTime() : 0;  // seen from an earlier moment it has not ended
  const end = () => over || Date.now();
  const momentOf = () => new Date(begin + ((end() - begin) * slider.value) / slider.max);
  function nameMoment(at) {
    byId("at").textContent = clock.format(at);
    slider.setAttribute("aria-valuetext", clock.format(at));
  }
  async function backTo(at) {
    then = at ? at.toISOString() : "";
    byId("then").hidden = !then;
    page.classList.toggle("past", Boolean(then));
    const address = new URL(location);
    if (then) address.searchParams.set("at", then); else address.searchParams.delete("at");
    history.replaceState(null, "", address);
    log.view.until = then;
    try { await again(true); } catch { return; }
    if (then) nameMoment(at); else { slider.value = slider.max; byId("at").textContent = "now"; slider.setAttribute("aria-valuetext", "now"); }
    drawLog();
  }
  let timer;
  slider.addEventListener("input", () => {
    nameMoment(momentOf());
    clearTimeout(timer);
    timer = setTimeout(() => backTo(Number(slider.value) >= Number(slider.max) ? null : momentOf()), 120);
  });
  byId("now").addEventListener("click", () => backTo(null));

  // -- what the stream says

  function know(found, all) {
    if (all) runs = new Map();
    for (const run of found.runs || []) runs.set(runKey(run), { ...runs.get(runKey(run)), ...run });
    const hold = job.hold;
    if (found.job) job = { ...job, ...found.job };
    if (hold !== undefined && hold !== job.hold) document.body.dispatchEvent(new Event("held"));  // what people said is shown
    if (then) return;
    const times = [...runs.values()].map((run) => run.finished && new Date(run.finished).getTime()).filter(Boolean);
    over = ended() && job.closed ? Math.max(new Date(job.closed).getTime(), ...times) : 0;
    if (announced || !job.closed) return;
    announced = true;
    document.body.dispatchEvent(new Event("ended"));  // what came of it is shown
  }

  // Reads all again. A reader who has scrolled away stays there: what is new is fetched further down.
  async function again(whole) {
    let found;
    if (whole || log.follow || log.empty) found = await log.toEnd();
    else {
      found = await read(`/jobs/${id}/lines`, { count: "1", until: then });
      log.moreAfter = true;
    }
    if (!found) return undefined;
    know(found, true);
    draw();
    drawLog();
    return found.revision;
  }

  const stream = new window.Baton.Stream(id, {
    frame(found) {
      learn(found.lines || []);
      log.live(found.lines || []);
      if (then) return;
      know(found, false);
      draw();
      drawLog();
    },
    again: () => again(false),
    status(word) {
      const shown = byId("stream");
      shown.textContent = WORDS[word] || word;
      shown.dataset.word = word;
      drawLog();
    },
  });
  // One change right after another may come while the card of the first one is on its way.
  setInterval(() => {
    if (!then && !document.hidden && job.hold !== undefined && byId("hold").dataset.mark !== job.hold) document.body.dispatchEvent(new Event("held"));
  }, 1000);
  setInterval(() => { if (!then && !document.hidden && !job.closed) { drawRuns(); drawJob(); } }, 1000);

  (async () => {
    page.classList.add("scripted");
    byId("runs").replaceChildren(); // rows of a script have buttons
    const at = new URL(location).searchParams.get("at");
    const moment = at ? new Date(at) : null;
    await stream.anew().catch(() => {});
    if (moment && !Number.isNaN(moment.getTime())) {
      slider.value = Math.round(((moment.getTime() - begin) / Math.max(end() - begin, 1)) * slider.max);
      await backTo(moment);
    }
    if (location.hash.includes(":")) await go(lineOf(location.hash.slice(1)));
    stream.start();
  })();
})();
