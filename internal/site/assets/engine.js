// The uploader of the first page, without any of its looks: it makes a transfer by Ferry's
// own API, sends its files in parts, several at once, and goes on after whatever came in
// between. What counts as arrived is what the server has acknowledged, nothing else.

const ATONCE = 4; // parts on their way
const RECORD = "ferry-crossing"; // in localStorage: the crossing that is under way

// A Refusal is an answer that trying again does not change.
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.fields?.length ? problem.fields.map((f) => `${f.name} ${f.message}`).join(", ") : problem?.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem?.code;
  }
}

// Sums asks a worker for the CRC-32 of pieces. To be made while there is a connection: the
// worker has to be fetched, too.
export class Sums {
  constructor(url) {
    this.url = url;
    this.next = 0;
    this.start();
  }
  start() {
    const waiting = new Map();
    const worker = new Worker(this.url);
    worker.addEventListener("message", ({ data }) => {
      const { resolve, reject } = waiting.get(data.id);
      waiting.delete(data.id);
      data.error ? reject(new Unreadable(data.error)) : resolve(data.crc);
    });
    worker.addEventListener("error", () => {
      // It could not be fetched. Who asked tries again, and by then there is another.
      if (this.worker === worker) this.worker = null;
      for (const { reject } of waiting.values()) reject(new Error("the worker did not start"));
      waiting.clear();
    });
    Object.assign(this, { worker, waiting });
  }
  of(blob) {
    if (!this.worker) this.start();
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, blob });
    });
  }
}

// Unreadable is a file that has changed or gone since it was chosen.
export class Unreadable extends Error {}

const store = {
  read() {
    try {
      return JSON.parse(localStorage.getItem(RECORD));
    } catch {
      return null;
    }
  },
  write(record) {
    try {
      record ? localStorage.setItem(RECORD, JSON.stringify(record)) : localStorage.removeItem(RECORD);
    } catch {
      // Without it this crossing does not outlive the page, but goes on.
    }
  },
};

const mark = (f) => `${f.size}:${f.file.lastModified}`;

// A Crossing is one transfer on its way. It calls changed() whenever there is something
// new to show.
export class Crossing {
  // files are {name, size, file}: a File, or null for one still to be chosen.
  constructor({ api, sums, files = [], changed }) {
    Object.assign(this, { api, sums, files, changed });
    this.state = "new"; // preparing, crossing, paused, lost, across, failed
    this.arrived = 0;
    this.size = files.reduce((n, f) => n + f.size, 0);
    this.steps = []; // [time, arrived] of the last seconds
  }

  // unfinished gives the crossing that an earlier visit has left; null where there is none.
  static async unfinished(options) {
    const record = store.read();
    if (!record) return null;
    const c = new Crossing(options);
    c.take(record);
    try {
      await c.learn();
    } catch (error) {
      if (error instanceof Refusal) store.write(null); // it is over
      return null;
    }
    if (c.transfer.state !== "open") {
      store.write(null);
      return null;
    }
    c.state = "paused";
    return c;
  }

  take(record) {
    this.record = record;
    this.key = record.key;
    this.transfer = { id: record.id, link: record.link, title: record.title };
  }

  async call(method, path, body, headers = {}) {
    const init = { method, headers: { ...headers }, credentials: "same-origin", signal: this.stop?.signal };
    if (this.key) init.headers["Ferry-Transfer-Key"] = this.key;
    if (body instanceof Blob) init.body = body;
    else if (body !== undefined) {
      init.headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const res = await fetch(this.api + path, init);
    const answer = res.status === 204 ? null : await res.json().catch(() => null);
    if (res.ok) return answer;
    if (res.status === 429 || res.status >= 500 || res.status === 408) {
      const wait = Number(res.headers.get("Retry-After"));
      throw Object.assign(new Error(answer?.title || `HTTP ${res.status}`), { wait: wait > 0 ? Math.min(wait, 60) : 0 });
    }
    throw new Refusal(res.status, answer);
  }

  // begin makes the transfer. Trying it again finds the one that was made.
  async begin(form) {
    this.stop = new AbortController();
    this.set("preparing");
    const idem = Array.from(crypto.getRandomValues(new Uint8Array(24)), (b) => b.toString(16).padStart(2, "0")).join("");
    const body = { ...form, confirm: false, files: this.files.map((f) => ({ name: f.name, size: f.size })) };
    try {
      const made = await this.patiently(() => this.call("POST", "/transfers", body, { "Idempotency-Key": idem }));
      this.take({
        id: made.id, key: made.key, link: made.link, title: made.title,
        marks: Object.fromEntries(made.uploads.map((u, i) => [u.id, mark(this.files[i])])),
      });
      this.transfer = made;
      store.write(this.record);
      made.uploads.forEach((u, i) => this.plan(this.files[i], u));
      this.count();
    } catch (error) {
      return this.fail(error);
    }
    return this.run();
  }

  // learn asks the server what it has.
  async learn() {
    this.transfer = { ...this.transfer, ...(await this.call("GET", `/transfers/${this.transfer.id}`)) };
    const had = new Map(this.files.map((f) => [f.id, f.file]));
    const files = [];
    for (let after = ""; ; ) {
      const page = await this.call("GET", `/transfers/${this.transfer.id}/files?limit=100${after && `&cursor=${encodeURIComponent(after)}`}`);
      for (const u of page.items) files.push(this.plan({ name: u.name, size: u.size, file: had.get(u.id) || null }, u));
      if (!(after = page.next)) break;
    }
    this.files = files;
    this.count();
  }

  plan(f, u) {
    f.id = u.id;
    f.done = u.state === "complete";
    f.arrived = f.done ? u.size : u.received;
    f.part = u.part_size;
    f.missing = [];
    for (const [from, to] of u.missing) for (let n = from; n <= to; n++) f.missing.push(n);
    return f;
  }

  count() {
    this.size = this.files.reduce((n, f) => n + f.size, 0);
    this.arrived = this.files.reduce((n, f) => n + f.arrived, 0);
  }

  // lacking are the files that must be chosen before it can go on.
  get lacking() {
    return this.files.filter((f) => !f.file && !f.done);
  }

  // choose finds the files of an unfinished crossing among these. One that was changed
  // meanwhile is another file.
  choose(chosen) {
    for (const f of this.lacking) {
      const same = chosen.find((c) => c.name === f.name && c.size === f.size && mark(c) === this.record.marks[f.id]);
      if (same) f.file = same.file;
    }
    return this.lacking.length === 0;
  }

  pause() {
    if (!this.transfer || this.state !== "crossing" && this.state !== "lost") return;
    this.set("paused");
    this.stop.abort();
  }

  async goOn() {
    if (this.state !== "paused") return;
    this.stop = new AbortController();
    this.set("crossing");
    try {
      await this.patiently(() => this.learn()); // what was on its way may have arrived
    } catch (error) {
      return this.fail(error);
    }
    return this.run();
  }

  async giveUp() {
    const { state } = this;
    this.set("paused");
    this.stop?.abort();
    this.stop = null;
    store.write(null);
    if (this.transfer && state !== "across") await this.call("DELETE", `/transfers/${this.transfer.id}`).catch(() => {});
  }

  // run sends what is missing, and opens the transfer.
  async run() {
    this.set("crossing");
    this.steps = [];
    try {
      for (;;) {
        const parts = this.parts();
        await Promise.all(Array.from({ length: ATONCE }, () => this.carry(parts)));
        try {
          await this.patiently(() => this.call("POST", `/transfers/${this.transfer.id}/finalize`));
          break;
        } catch (error) {
          if (error.code !== "file_incomplete" || this.again) throw error;
          this.again = true; // the server lost sight of a part: look once what is missing
          await this.patiently(() => this.learn());
        }
      }
      store.write(null);
      this.set("across");
    } catch (error) {
      this.fail(error);
    }
  }

  *parts() {
    for (const f of this.files) {
      for (const number of [...f.missing]) yield { f, number };
    }
  }

  async carry(parts) {
    for (const { f, number } of parts) {
      await this.patiently(async () => {
        const from = (number - 1) * f.part;
        const piece = f.file.slice(from, Math.min(from + f.part, f.size));
        const crc = await this.sums.of(piece).catch((error) => {
          throw Object.assign(error, { file: f.name });
        });
        await this.call("PUT", `/files/${f.id}/parts/${number}`, piece, { "Ferry-CRC32": crc });
        f.missing.splice(f.missing.indexOf(number), 1);
        f.arrived += piece.size;
        f.done = f.missing.length === 0;
        this.arrived += piece.size;
        this.step();
      });
    }
  }

  // patiently tries until there is an answer, or the crossing is paused. Only what the
  // server refuses, and a file that cannot be read, is an end.
  async patiently(call) {
    for (let tries = 0; ; tries++) {
      this.stop.signal.throwIfAborted();
      try {
        const answer = await call();
        if (this.state === "lost") this.set("crossing");
        return answer;
      } catch (error) {
        if (error instanceof Refusal || error instanceof Unreadable || this.stop.signal.aborted) throw error;
        if ((this.state === "crossing" || this.state === "preparing") && tries > 0) this.set("lost");
        await this.rest(Math.max(error.wait || 0, Math.min(2 ** tries, 20)) * (0.75 + Math.random() / 2));
      }
    }
  }

  // rest waits so many seconds, or until the browser has a connection again.
  rest(seconds) {
    return new Promise((resolve) => {
      const { signal } = this.stop;
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, seconds * 1000);
      addEventListener("online", done);
      signal.addEventListener("abort", done);
    });
  }

  step() {
    const now = performance.now();
    this.steps.push([now, this.arrived]);
    while (this.steps.length > 2 && now - this.steps[0][0] > 20_000) this.steps.shift();
    this.changed();
  }

  // speed gives bytes a second of the last while; 0 as long as there is nothing to tell.
  get speed() {
    if (this.state !== "crossing" || this.steps.length < 2) return 0;
    const [t0, a0] = this.steps[0];
    const [, a1] = this.steps.at(-1);
    const seconds = (performance.now() - t0) / 1000;
    return seconds < 1 ? 0 : (a1 - a0) / seconds;
  }

  set(state) {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }

  fail(error) {
    if (this.stop?.signal.aborted) return; // paused
    this.stop?.abort();
    this.error = error;
    this.set("failed");
  }
}
