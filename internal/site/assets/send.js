// The first page, alive: it takes files however they come, shows them, and what the
// crossing does. Without this script the form sends them all the same.

import { Crossing, Sums, Unreadable } from "./engine.js";

const form = document.getElementById("send");
const stage = document.getElementById("under-way");
const spoken = document.getElementById("spoken");
const words = JSON.parse(form.dataset.words);
document.getElementById("live-choice").hidden = false; // the form alone says no sizes
const lang = document.documentElement.lang;
const options = { api: form.dataset.api, sums: new Sums(form.dataset.crc), changed: () => schedule() };
const MOST = 200; // rows of the list

let chosen = []; // {name, size, file}
let crossing = null;

// --- Words

const say = (text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const size = (n) => {
  let i = 0;
  while (n >= 999.5 && i < units.length - 1) (n /= 1000), i++;
  return new Intl.NumberFormat(lang, { style: "unit", unit: units[i], maximumFractionDigits: i && n < 100 ? 1 : 0, unitDisplay: i ? "short" : "long" }).format(n);
};
const time = (seconds) => {
  const [n, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : seconds < 129600 ? [seconds / 3600, "hour"] : [seconds / 86400, "day"];
  return new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.max(1, Math.round(n)));
};
const count = (n) => (n === 1 ? words.FileCount : say(words.FilesCount, { n: new Intl.NumberFormat(lang).format(n) }));
// Marks that turn the direction of text, or that nobody sees, are left out of names.
const shown = (name) => name.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "") || "?";

// el makes an element. Text is always text.
function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) k in e ? (e[k] = v) : e.setAttribute(k, v);
  e.append(...children);
  return e;
}

// --- Choosing

const field = document.getElementById("file");
const pick = (folder) => {
  const input = el("input", { type: "file", multiple: true, webkitdirectory: folder });
  input.addEventListener("change", () => add([...input.files].map((f) => ({ name: f.webkitRelativePath || f.name, size: f.size, file: f }))));
  input.click();
};
const chooser = () => el("p", { className: "choose" },
  el("button", { type: "button", className: "button second", onclick: () => pick(false) }, words.Files),
  el("button", { type: "button", className: "plain", onclick: () => pick(true) }, words.Folder),
  el("span", { className: "hint" }, words.Drop));

const cargo = form.querySelector(".cargo");
const list = el("ul", { className: "files chosen", role: "list" });
const sum = el("p", { className: "hint sum" });
field.remove();
cargo.parentElement.prepend(cargo); // without script the files come last, as they stream
cargo.replaceChildren(chooser(), list, sum);

function add(files) {
  if (crossing?.state === "paused" && crossing.lacking.length) {
    const all = crossing.choose(files);
    schedule();
    if (all) crossing.goOn();
    return;
  }
  if (crossing) return;
  for (const f of files) {
    const at = chosen.findIndex((c) => c.name === f.name);
    at < 0 ? chosen.push(f) : (chosen[at] = f);
  }
  showChosen();
}

function showChosen() {
  list.replaceChildren(...chosen.slice(0, MOST).map((f, i) => el("li", {}, el("span", { className: "row" },
    el("bdi", { className: "name" }, shown(f.name)),
    el("span", { className: "size" }, size(f.size)),
    el("button", { type: "button", className: "remove", "aria-label": say(words.Remove, { name: shown(f.name) }), onclick: () => {
      chosen.splice(i, 1);
      showChosen();
      (list.querySelectorAll(".remove")[Math.min(i, chosen.length - 1)] || cargo.querySelector("button")).focus();
    } }, "×")))));
  const total = chosen.reduce((n, f) => n + f.size, 0);
  sum.textContent = chosen.length ? [count(chosen.length), size(total), chosen.length > MOST ? say(words.More, { n: chosen.length - MOST }) : ""].filter(Boolean).join(" · ") : "";
  speak(sum.textContent);
  scene.load(chosen.length);
}

// entries walks what was dropped, folders with their tree.
async function entries(items) {
  const out = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((ok, no) => entry.file(ok, no));
      out.push({ name: path + file.name, size: file.size, file });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!some.length) return;
      for (const e of some) await walk(e, path + entry.name + "/");
    }
  };
  // All are taken at once: the list is empty after the first wait.
  const roots = [...items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
  for (const root of roots) await walk(root, "");
  return out;
}

const carriesFiles = (e) => [...(e.dataTransfer?.types || [])].includes("Files");
let over = 0;
addEventListener("dragenter", (e) => carriesFiles(e) && (e.preventDefault(), over++, document.body.classList.add("over")));
addEventListener("dragover", (e) => carriesFiles(e) && e.preventDefault());
addEventListener("dragleave", (e) => carriesFiles(e) && --over === 0 && document.body.classList.remove("over"));
addEventListener("drop", async (e) => {
  if (!carriesFiles(e)) return;
  e.preventDefault();
  over = 0;
  document.body.classList.remove("over");
  add(await entries(e.dataTransfer.items));
});
addEventListener("paste", (e) => {
  const files = [...(e.clipboardData?.files || [])];
  if (files.length) {
    e.preventDefault();
    add(files.map((f) => ({ name: f.name, size: f.size, file: f })));
  }
});

// --- The crossing, as a picture

const scene = {
  boat: document.querySelector(".ferry"),
  head: document.querySelector(".crossing"),
  load(n) {
    this.head.dataset.cargo = Math.min(n, 6);
  },
  show(c) {
    this.head.dataset.state = c.state;
    const way = c.state === "across" ? 10 : c.size ? (9.4 * c.arrived) / c.size : 0;
    this.boat.style.setProperty("--way", way.toFixed(3));
  },
};

// --- Sending

form.addEventListener("submit", (e) => {
  e.preventDefault();
  if (!chosen.length) {
    showWrong(words.Nothing);
    cargo.querySelector("button").focus();
    return;
  }
  const data = new FormData(form);
  const text = (name) => String(data.get(name) || "").trim();
  const body = { title: text("title"), message: text("message"), days: Number(text("days")) };
  const to = text("to").split(/[\s,;]+/).filter(Boolean);
  if (to.length) body.to = to;
  if (data.get("password")) body.password = String(data.get("password"));
  if (text("max_downloads")) body.max_downloads = Number(text("max_downloads"));
  if (text("name")) body.name = text("name");
  if (data.get("live")) body.live = true;
  showWrong("");
  crossing = new Crossing({ ...options, files: chosen });
  crossing.begin(body);
});

function showWrong(text) {
  let wrong = form.querySelector(".wrong");
  if (!wrong) form.prepend((wrong = el("p", { className: "wrong", role: "alert" })));
  wrong.textContent = text;
}

let told = "";
function speak(text) {
  if (text && text !== told) spoken.textContent = told = text;
}

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    show();
  });
}

let parts = null; // the elements of the stage, made once
function makeStage() {
  const bar = el("progress", { max: 1, "aria-labelledby": "state" });
  const link = el("input", { id: "link", readOnly: true, onfocus: () => link.select() });
  const copy = el("button", { type: "button", className: "button second", onclick: async () => {
    try {
      await navigator.clipboard.writeText(link.value);
    } catch {
      link.select(); // over plain HTTP a page may not write there by itself
      document.execCommand("copy");
    }
    copy.textContent = words.Copied;
    speak(words.Copied);
    setTimeout(() => (copy.textContent = words.Copy), 2000);
  } }, words.Copy);
  const share = el("button", { type: "button", className: "plain", hidden: !navigator.share, onclick: () => navigator.share({ url: link.value }).catch(() => {}) }, words.Share);
  const soon = el("p", { className: "hint" });
  const drawn = el("img", { className: "drawn", alt: "" }); // the link for cameras; it says what the link says
  const parts = {
    title: el("h1", { id: "state", tabIndex: -1 }), note: el("p", { className: "lead" }), bar,
    figures: el("p", { className: "facts" }), linkBox: el("div", { className: "linkbox", hidden: true },
      el("label", { htmlFor: "link" }, words.Link), el("p", { className: "choose" }, link, copy, share), soon, drawn),
    drawn,
    link, soon, choose: el("div", { hidden: true }, chooser()),
    pause: el("button", { type: "button", className: "button second", onclick: () => (crossing.state === "paused" ? crossing.goOn() : crossing.pause()) }),
    giveUp: el("button", { type: "button", className: "plain", onclick: async () => {
      await crossing.giveUp();
      location.reload();
    } }, words.GiveUp),
    another: el("a", { className: "button", href: "/", hidden: true }, words.Another),
    list: el("ul", { className: "files", role: "list" }),
    rows: new Map(),
  };
  stage.replaceChildren(parts.title, parts.note, bar, parts.figures, parts.linkBox, parts.choose,
    el("p", { className: "choose" }, parts.pause, parts.giveUp, parts.another), parts.list);
  return parts;
}

function show() {
  const c = crossing;
  if (!c) return;
  scene.show(c);
  if (c.state === "failed" && !c.transfer) { // nothing was made: the form again, with what is wrong
    showWrong(say(words.Failed, { why: c.error.message }));
    crossing = null;
    scene.head.dataset.state = "";
    form.hidden = false;
    stage.hidden = true;
    for (const e of document.querySelectorAll("main > h1, main > .lead")) e.hidden = false;
    return;
  }
  if (!parts) {
    parts = makeStage();
    for (const e of document.querySelectorAll("main > h1, main > .lead")) e.hidden = true;
    form.hidden = true;
    stage.hidden = false;
    parts.title.focus();
  }
  const lacking = c.lacking;
  const title = { new: words.Preparing, preparing: words.Preparing, crossing: words.Crossing, lost: words.Crossing, paused: words.Paused, across: words.Across, failed: words.Paused }[c.state];
  set(parts.title, title);
  set(parts.note, c.state === "lost" ? words.Lost
    : c.state === "failed" ? (c.error instanceof Unreadable ? say(words.Changed, { name: shown(c.error.file) }) : say(words.Failed, { why: c.error.message }))
    : lacking.length ? say(words.Unfinished, { title: shown(c.transfer.title || "") === "?" ? c.transfer.link : shown(c.transfer.title), count: count(c.files.length) })
    : "");
  speak([title, parts.note.textContent].filter(Boolean).join(". "));
  document.title = c.size && c.state !== "across" ? `${Math.floor((100 * c.arrived) / c.size)} % · ${title}` : title;
  parts.bar.value = c.state === "across" || !c.size ? 1 : c.arrived / c.size;
  parts.bar.hidden = c.state === "across" || c.state === "preparing";
  const speed = c.speed;
  set(parts.figures, [
    c.state === "across" ? `${count(c.files.length)} · ${size(c.size)}` : say(words.Progress, { got: size(c.arrived), size: size(c.size) }),
    speed ? `${size(speed)}/s` : "", speed && c.arrived < c.size ? say(words.Left, { time: time((c.size - c.arrived) / speed) }) : "",
  ].filter(Boolean).join(" · "));
  if (c.transfer?.link) {
    parts.linkBox.hidden = false;
    parts.link.value = c.transfer.link;
    const drawn = `/app/qr?to=${encodeURIComponent(new URL(c.transfer.link).pathname)}`;
    if (parts.drawn.getAttribute("src") !== drawn) parts.drawn.src = drawn;
    set(parts.soon, c.state === "across" ? words.Ready : c.transfer.live ? words.Already : words.Soon);
  }
  parts.choose.hidden = !lacking.length || c.state !== "paused";
  parts.pause.hidden = !c.transfer || !["crossing", "lost", "paused"].includes(c.state) || lacking.length > 0;
  set(parts.pause, c.state === "paused" ? words.GoOn : words.Pause);
  parts.giveUp.hidden = c.state === "across" || c.state === "preparing";
  parts.another.hidden = c.state !== "across";
  for (const f of c.files.slice(0, MOST)) {
    let row = parts.rows.get(f.name);
    if (!row) {
      row = { state: el("span", { className: "size" }) };
      row.bar = el("progress", { max: 1, "aria-label": shown(f.name) });
      parts.list.append(el("li", {}, el("span", { className: "row" }, el("bdi", { className: "name" }, shown(f.name)), row.bar, row.state)));
      parts.rows.set(f.name, row);
    }
    row.bar.hidden = c.state === "across" || f.done;
    row.bar.value = f.size ? f.arrived / f.size || 0 : f.done ? 1 : 0;
    set(row.state, lacking.includes(f) ? "…" : size(f.size));
  }
}

function set(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// Speed and time left change also while nothing arrives.
setInterval(() => crossing?.state === "crossing" && schedule(), 1000);

addEventListener("beforeunload", (e) => {
  if (crossing && ["preparing", "crossing", "lost"].includes(crossing.state)) e.preventDefault();
});

Crossing.unfinished(options).then((c) => {
  if (c && !crossing && !chosen.length) {
    crossing = c;
    schedule();
  }
});
