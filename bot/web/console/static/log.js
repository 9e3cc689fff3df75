// The log of a job: a window of some thousand lines on as many as there are. Lines are fetched where
// the reader scrolls to, and taken away where nobody looks. Nodes are made with textContent only.
(() => {
  "use strict";
  const CHUNK = 500;
  const MOST_NODES = 4600;
  const NEAR = 1500; // pixels from the edge of the window at which more is fetched

  const key = (line) => `${line.host}@${line.attempt}`;
  const name = (line) => `${key(line)}:${line.line}`;

  // "web-1" of web-1.example.com; an address stays whole
  const short = (host) => {
    const first = /^[\d.:]+$/.test(host) ? host : host.split(".")[0];
    return first.length > 14 ? `${first.slice(0, 6)}…${first.slice(-7)}` : first;
  };
  const two = (number) => String(number).padStart(2, "0");
  const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;

  function lineNode(line) {
    const node = document.createElement("div");
    node.className = line.level === "log" ? "l" : `l said said-${line.level}`;
    node.dataset.n = line.line;
    node.dataset.l = `${short(line.host)}:${line.line}`;
    node.dataset.h = line.host;
    node.dataset.a = line.attempt;
    node.dataset.t = line.time || "";
    node.dataset.c = line.time ? clock(new Date(line.time)) : "";
    if (line.step) node.dataset.s = line.step;
    for (const [classes, text] of line.spans) {
      if (!classes) { node.append(text); continue; }
      const span = document.createElement("span");
      span.className = classes;
      span.textContent = text;
      node.append(span);
    }
    return node;
  }

  class Chunk {
    constructor() {
      this.node = document.createElement("div");
      this.node.className = "chunk";
      this.lines = 0;
      this.nodes = 1;
    }
    add(lines) {
      const made = document.createDocumentFragment();
      for (const line of lines) {
        const node = lineNode(line);
        this.nodes += 1 + node.childElementCount;
        made.append(node);
      }
      this.node.append(made);
      this.lines += lines.length;
      // laid out once before the browser may skip it, so that its height is known
      if (this.lines >= CHUNK) requestAnimationFrame(() => requestAnimationFrame(() => this.node.classList.add("full")));
    }
    edge(node) { return `${node.dataset.h}@${node.dataset.a}:${node.dataset.n}`; }
    get first() { return this.edge(this.node.firstElementChild); }
    get last() { return this.edge(this.node.lastElementChild); }
  }

  class Log {
    // load(parameters) fetches a window; changed() is called when what the reader may do changes.
    constructor(box, load, changed) {
      this.box = box;
      this.fetch = load;
      this.changed = changed;
      this.chunks = [];
      this.view = { host: "", step: "", until: "" };
      this.follow = true;
      this.moreBefore = this.moreAfter = false;
      this.seen = new Map(); // how many lines each run has, as far as this page knows
      this.waiting = null; // live lines that came while the end of the log is being fetched
      this.generation = 0;
      this.busy = false;
      this.top = 0;
      this.moved = 0; // when the reader last did something that scrolls
      this.dragging = false;
      box.addEventListener("scroll", () => this.scrolled(), { passive: true });
      for (const kind of ["wheel", "touchmove", "keydown"]) box.addEventListener(kind, () => { this.moved = performance.now(); }, { passive: true });
      box.addEventListener("pointerdown", () => { this.dragging = true; });
      window.addEventListener("pointerup", () => { this.dragging = false; });
      // what changes the height of lines, such as a narrower window, does not move who follows
      new ResizeObserver(() => { if (this.follow) this.bottom(); }).observe(box);
    }

    get nodes() { return this.chunks.reduce((sum, chunk) => sum + chunk.nodes, 0); }
    get empty() { return this.chunks.length === 0; }

    clear() {
      this.box.replaceChildren();
      this.chunks = [];
    }

    // Fetches; undefined if the reader has gone elsewhere meanwhile. If it fails, live lines wait no longer.
    async load(parameters) {
      const generation = this.generation;
      const { host, step, until } = this.view;
      try {
        const found = await this.fetch({ ...parameters, host, step, until });
        return generation === this.generation ? found : undefined;
      } catch (error) {
        if (generation === this.generation) this.waiting = null;
        throw error;
      }
    }

    async look(view) {
      this.view = { ...this.view, ...view };
      await this.toEnd();
    }

    // Shows the end of the log, as it is now.
    async toEnd() {
      this.generation += 1;
      this.waiting = [];
      const found = await this.load({ count: 2 * CHUNK });
      if (!found) return undefined;
      this.clear();
      this.add(found.lines);
      this.moreBefore = found.more;
      this.moreAfter = false;
      this.follow = true;
      this.caughtUp(found);
      this.bottom();
      this.changed();
      return found;
    }

    // Shows a line and what stands around it.
    async jump(line) {
      this.generation += 1;
      this.waiting = [];
      if (this.view.host && this.view.host !== line.host) this.view.host = line.host;
      this.view.step = "";
      const [before, after] = await Promise.all([
        this.load({ before: name(line), count: CHUNK }),
        this.load({ from: name(line), count: CHUNK }),
      ]);
      if (!before || !after) return false;
      this.clear();
      this.add(before.lines);
      this.add(after.lines);
      this.follow = false;
      this.moreBefore = before.more;
      this.moreAfter = after.more;
      if (after.more) this.waiting = null; else this.caughtUp(after);
      const found = this.mark(line);
      this.changed();
      return found;
    }

    mark(line) {
      this.box.querySelector(".l.marked")?.classList.remove("marked");
      const wanted = `[data-n="${Number(line.line)}"][data-h="${CSS.escape(line.host)}"][data-a="${Number(line.attempt)}"]`;
      const node = this.box.querySelector(wanted);
      if (!node) return false;
      node.classList.add("marked");
      node.scrollIntoView({ block: "center" });
      this.top = this.box.scrollTop;
      return true;
    }

    // The window now ends where the log ended when `found` was read: what came after that goes on.
    caughtUp(found) {
      const waiting = this.waiting || [];
      this.waiting = null;
      this.seen = new Map(found.runs.map((run) => [key(run), run.lines]));
      this.live(waiting);
    }

    // Adds lines of the stream. None is shown twice, and where one is missing all is read again.
    live(lines) {
      if (this.waiting) { this.waiting.push(...lines); return; }
      let missing = false;
      const fresh = lines.filter((line) => {
        const known = this.seen.get(key(line)) || 0;
        if (line.line <= known) return false;
        missing ||= line.line > known + 1;
        this.seen.set(key(line), line.line);
        return true;
      });
      if (this.view.until || this.moreAfter) return;
      if (missing) { this.recover(); return; }
      const shown = fresh.filter((line) => this.shows(line));
      if (!shown.length) return;
      this.add(shown);
      this.trim(this.follow || this.box.scrollTop > this.box.scrollHeight / 2);
      if (this.follow) this.bottom();
    }

    // Reads the end of the log again and again until that succeeds, or the reader goes elsewhere.
    recover() {
      const reading = this.toEnd();
      const mine = this.generation;
      reading.catch(() => setTimeout(() => { if (mine === this.generation) this.recover(); }, 2000));
    }

    shows(line) {
      const { host, step } = this.view;
      return (!host || line.host === host) && (!step || line.step === step);
    }

    add(lines) {
      let rest = lines;
      while (rest.length) {
        let chunk = this.chunks.at(-1);
        if (!chunk || chunk.lines >= CHUNK) {
          chunk = new Chunk();
          this.chunks.push(chunk);
          this.box.append(chunk.node);
        }
        const room = CHUNK - chunk.lines;
        chunk.add(rest.slice(0, room));
        rest = rest.slice(room);
      }
    }

    prepend(lines) {
      if (!lines.length) return;
      const chunk = new Chunk();
      chunk.add(lines);
      this.chunks.unshift(chunk);
      this.keeping(() => this.box.prepend(chunk.node));
    }

    // Does something above what the reader sees without moving that.
    keeping(change) {
      const edge = this.box.getBoundingClientRect().top;
      const held = this.chunks.map((chunk) => chunk.node).filter((node) => node.isConnected)
        .find((node) => node.getBoundingClientRect().bottom > edge);
      const line = held && [...held.children].find((node) => node.getBoundingClientRect().bottom > edge);
      const before = line?.getBoundingClientRect().top;
      change();
      if (line?.isConnected) this.box.scrollTop += line.getBoundingClientRect().top - before;
      this.top = this.box.scrollTop;
    }

    // Takes away chunks at the top or at the bottom, until the window is small enough.
    trim(atTop) {
      while (this.nodes > MOST_NODES && this.chunks.length > 1) {
        if (atTop) {
          const chunk = this.chunks.shift();
          this.keeping(() => chunk.node.remove());
          this.moreBefore = true;
        } else {
          this.chunks.pop().node.remove();
          this.moreAfter = true;
          this.follow = false;
          this.changed();
        }
      }
    }

    bottom() {
      this.box.scrollTop = this.box.scrollHeight;
      this.top = this.box.scrollTop;
    }

    scrolled() {
      const up = this.box.scrollTop < this.top - 2;
      this.top = this.box.scrollTop;
      const below = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
      const reader = this.dragging || performance.now() - this.moved < 700;
      const follow = !this.moreAfter && !this.view.until && ((below < 24 && (this.follow || reader)) || (this.follow && !(up && reader)));
      if (follow !== this.follow) { this.follow = follow; this.changed(); }
      else if (follow && !reader && below > 2) this.bottom();
      if (this.moreBefore && this.box.scrollTop < NEAR) this.more("before").catch(() => {});
      else if (this.moreAfter && below < NEAR) this.more("after").catch(() => {});
    }

    async more(side) {
      if (this.busy || this.empty) return;
      this.busy = true;
      try {
        if (side === "before") {
          const found = await this.load({ before: this.chunks[0].first, count: CHUNK });
          if (!found) return;
          this.prepend(found.lines);
          this.moreBefore = found.more;
          this.trim(false);
        } else {
          this.waiting = [];
          const found = await this.load({ after: this.chunks.at(-1).last, count: CHUNK });
          if (!found) return;
          this.add(found.lines);
          this.moreAfter = found.more;
          if (found.more) this.waiting = null; else this.caughtUp(found);
          this.trim(true);
        }
      } finally {
        this.busy = false;
      }
    }
  }

  window.Baton = Object.assign(window.Baton || {}, { Log });
})();
