// The stream of a job: one connection for all tabs of a browser that show it, none while nobody looks.
// Browsers open six connections to a host. So the tab that has the lock of the job reads the stream
// and tells the others; a browser reads four jobs at once, and asks for the rest from time to time.
(() => {
  "use strict";
  const STREAMS = 4;
  const POLL = 2000;
  const RETRY = [1000, 2000, 5000, 10000, 30000];

  // Positions are "12" (all of revision 12) or "12.3" (its first three parts).
  const parts = (position) => {
    const [revision, part] = String(position).split(".");
    return [Number(revision), part === undefined ? Infinity : Number(part)];
  };
  function isAfter(one, other) {
    const [a, b] = [parts(one), parts(other)];
    return a[0] !== b[0] ? a[0] > b[0] : a[1] > b[1];
  }

  class Stream {
    // frame(data) gets what is new; again() is called when something was missed, reads all anew and
    // returns the position; status(word) says how the connection is.
    constructor(job, { frame, again, status }) {
      Object.assign(this, { job, frame, again, tell: status });
      this.position = "0";
      this.state = "connecting";
      this.ended = this.finished = false;
      this.release = null; // gives the lock back
      this.asking = null; // aborts the wait for it
      this.failures = 0;
      this.reading = null;
      this.queued = [];
      this.channel = "BroadcastChannel" in window ? new BroadcastChannel(`baton-job-${job}`) : null;
      this.channel?.addEventListener("message", (event) => this.heard(event.data));
      document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.start()));
      window.addEventListener("pagehide", () => this.pause());
      window.addEventListener("pageshow", (event) => { if (event.persisted) this.start(); });
    }

    status(word) {
      this.state = word;
      this.tell(word);
      if (this.release) this.channel?.postMessage({ kind: "status", word });
    }

    // Begins at `position`, or goes on where it was.
    async start(position) {
      if (position !== undefined) this.position = position;
      if (this.ended || document.hidden || this.asking) return;
      this.tell(this.state = "connecting");
      this.asking = new AbortController();
      const { signal } = this.asking;
      if (!navigator.locks || !this.channel) { this.open(); return; }
      this.channel.postMessage({ kind: "hello" });
      try {
        await navigator.locks.request(`baton-job-${this.job}`, { signal }, () => {
          if (signal.aborted) return undefined;
          return new Promise((release) => { this.release = release; this.slot(1); });
        });
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    }

    // Takes one of the connections of this browser; if all are taken, asks from time to time.
    async slot(number) {
      const held = this.release;
      if (!held) return;
      if (number > STREAMS) { this.poll(); return; }
      await navigator.locks.request(`baton-stream-${number}`, { ifAvailable: true }, (lock) => {
        if (this.release !== held) return undefined;
        if (!lock) { this.slot(number + 1); return undefined; }
        this.open();
        return new Promise((release) => { this.release = () => { release(); held(); }; });
      });
    }

    pause() {
      this.asking?.abort();
      this.asking = null;
      this.source?.close();
      this.source = null;
      clearTimeout(this.timer);
      this.release?.();
      this.release = null;
      if (!this.ended) this.tell(this.state = "paused");
    }

    address() { return `/jobs/${this.job}/events?after=${this.position}`; }

    open() {
      if (!this.asking) return;
      const source = new EventSource(this.address());
      this.source = source;
      source.addEventListener("open", () => { this.failures = 0; this.status(this.finished ? "ended" : "live"); });
      source.addEventListener("news", (event) => {
        const from = this.position;
        this.take(event.lastEventId, JSON.parse(event.data));
        this.channel?.postMessage({ kind: "frame", from, id: event.lastEventId, data: event.data });
      });
      source.addEventListener("resync", () => {
        source.close();
        this.channel?.postMessage({ kind: "resync" });
        this.anew().then(() => this.open(), () => this.retry());
      });
      // All servers have ended. What one of them says later still comes, until the bot closes.
      source.addEventListener("end", () => { this.finished = true; this.status("ended"); });
      source.addEventListener("error", () => {
        if (source !== this.source) return;
        if (this.finished) { this.overForAll(); return; }
        // A browser goes on by itself after a cut, but gives up for good after any other answer.
        if (source.readyState !== EventSource.CLOSED) { this.status("reconnecting"); return; }
        this.retry();
      });
    }

    // Why a browser gave up, an EventSource does not say: the job may have ended long ago (204).
    async retry() {
      const wait = RETRY[Math.min(this.failures, RETRY.length - 1)];
      this.failures += 1;
      const begun = this.asking; // another one after a pause: then somebody else goes on
      const asking = new AbortController();
      try {
        const answer = await fetch(this.address(), { signal: asking.signal });
        asking.abort(); // what follows is for an EventSource
        if (this.asking !== begun) return;
        if (answer.status === 204) { this.overForAll(); return; }
        if ([401, 403, 404].includes(answer.status)) { this.status(`refused-${answer.status}`); return; }
      } catch { /* the bot does not answer: tried again below */ }
      if (!begun || this.asking !== begun) return;
      this.status("reconnecting");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), wait);
    }

    // Until a connection is free.
    poll() {
      this.status("polling");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.anew().catch(() => {}).then(() => this.slot(1)), POLL);
    }

    take(id, frame) {
      if (isAfter(this.position, id)) return; // one of the same position may hold other runs
      this.position = id;
      this.frame(frame);
    }

    // Something was missed, or may have been: read all again. Frames that come meanwhile wait.
    anew() {
      this.reading ||= this.again().then(
        (position) => { if (position !== undefined) this.position = String(position); },
      ).finally(() => {
        this.reading = null;
        for (const message of this.queued.splice(0)) this.heard(message);
      });
      return this.reading;
    }

    overForAll() {
      this.channel?.postMessage({ kind: "end" });
      this.over();
    }

    over() {
      this.ended = this.finished = true;
      this.source?.close();
      this.tell(this.state = "ended");
      this.pause();
    }

    // What the tab that reads the stream says.
    heard(message) {
      if (this.ended) return;
      switch (message.kind) {
        case "hello":
          if (this.release) this.channel.postMessage({ kind: "status", word: this.state, position: this.position });
          break;
        case "status":
          if (!this.release && this.asking) {
            this.tell(this.state = message.word);
            if (message.word === "polling" || (message.position && isAfter(message.position, this.position))) this.anew().catch(() => {});
          }
          break;
        case "frame":
          if (this.reading) this.queued.push(message);
          else if (isAfter(message.from, this.position)) this.anew().catch(() => {});
          else this.take(message.id, JSON.parse(message.data));
          break;
        case "resync":
          this.anew().catch(() => {});
          break;
        case "end":
          this.over();
          break;
      }
    }
  }

  window.Baton = Object.assign(window.Baton || {}, { Stream });
})();
