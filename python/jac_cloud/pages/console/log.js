// The frames in both directions, with times: filtered, bounded, and drawn once for all that came since the screen was last drawn.

import { button, make } from "./elements.js";
import { indented, parsed } from "./json.js";

const KEPT = 1000;
const GIST = 300;
const ARROWS = { sent: "↑", received: "↓", note: "·" };

export class FrameLog {
  #entries = [];
  #fresh = [];
  #asked = new Map();
  #isDrawing = false;
  #filter = "";
  #show = "all";
  #follows = true;

  /** `list` is the `<ol>`, `onchange(shown, all)` hears of counts, `onfollow(isFollowing)` of scrolling, `again(text)` sends. */
  constructor(list, { onchange, onfollow, again }) {
    this.list = list;
    this.onchange = onchange;
    this.onfollow = onfollow;
    this.again = again;
    list.addEventListener("scroll", () => {
      const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      if (isAtEnd !== this.#follows) onfollow((this.#follows = isAtEnd));
    });
  }

  /** Adds a frame ("sent" or "received"), or a "note" on the connection. */
  add(direction, text) {
    const frame = direction === "note" ? undefined : parsed(text);
    const entry = { direction, text, at: new Date(), isError: Boolean(frame?.code && frame?.error), took: this.#took(direction, frame) };
    Object.assign(entry, summary(entry, frame));
    this.#fresh.push(entry);
    if (!this.#isDrawing) requestAnimationFrame(() => this.#draw());
    this.#isDrawing = true;
  }

  filter(text, show) {
    this.#filter = text.toLowerCase();
    this.#show = show;
    for (const entry of this.#entries) entry.row.hidden = !this.#shows(entry);
    this.#counted();
  }

  clear() {
    this.#entries = [];
    this.#fresh = [];
    this.#asked.clear();
    this.list.replaceChildren();
    this.#counted();
  }

  follow() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** Milliseconds from an event to its answer, which has the event's id. */
  #took(direction, frame) {
    const id = frame?.id;
    if (id === undefined) return undefined;
    if (direction === "sent") this.#asked.set(id, performance.now());
    const since = direction === "received" ? this.#asked.get(id) : undefined;
    this.#asked.delete(since === undefined ? undefined : id);
    return since === undefined ? undefined : performance.now() - since;
  }

  #shows(entry) {
    const isWanted = this.#show === "all" || this.#show === entry.direction || (this.#show === "error" && entry.isError);
    return isWanted && (entry.kind + entry.shown).toLowerCase().includes(this.#filter);
  }

  #draw() {
    this.#isDrawing = false;
    const fresh = this.#fresh.splice(0).slice(-KEPT);
    for (const entry of fresh) {
      entry.row = this.#row(entry);
      entry.row.hidden = !this.#shows(entry);
    }
    this.list.append(...fresh.map((entry) => entry.row));
    this.#entries.push(...fresh);
    for (const old of this.#entries.splice(0, this.#entries.length - KEPT)) old.row.remove();
    if (this.#follows) this.follow();
    this.#counted();
  }

  #counted() {
    this.onchange(this.#entries.filter((entry) => !entry.row.hidden).length, this.#entries.length);
  }

  #row(entry) {
    const time = entry.at.toTimeString().slice(0, 8) + (entry.at.getMilliseconds() / 1000).toFixed(3).slice(1);
    const head = [
      make("time", { dateTime: entry.at.toISOString() }, time),
      make("span", { class: "arrow", title: entry.direction }, ARROWS[entry.direction]),
      make("span", { class: "kind" }, entry.kind),
      make("span", { class: "gist" }, entry.gist),
      make("span", { class: "took" }, entry.took === undefined ? "" : `${entry.took.toFixed(entry.took < 10 ? 1 : 0)} ms`),
    ];
    const data = { direction: entry.direction, error: entry.isError };
    if (entry.direction === "note") return make("li", { data }, make("div", { class: "line" }, ...head));
    const details = make("details", {}, make("summary", { class: "line" }, ...head));
    // Its whole text is laid out when somebody wants to see it.
    details.addEventListener("toggle", () => details.open && details.children.length === 1 && details.append(this.#whole(entry)));
    return make("li", { data }, details);
  }

  #whole(entry) {
    const actions = make("div", { class: "row" }, button("Copy", () => navigator.clipboard.writeText(entry.text)));
    if (entry.direction === "sent") actions.append(button("Send again", () => this.again(entry.text)));
    return make("div", { class: "whole" }, make("pre", { tabIndex: 0 }, indented(entry.shown)), actions);
  }
}

/** What a row shows of a frame: its kind, the gist of it in a line, and its text without a token. */
function summary({ direction, text }, frame) {
  if (direction === "note") return { kind: "", gist: text, shown: text };
  const shown = frame?.type === "change_user" && frame.token ? text.replace(JSON.stringify(frame.token), '"…"') : text;
  const line = (said) => said.replace(/\s+/g, " ").slice(0, GIST);
  if (direction === "received" && frame?.code && frame?.error) {
    return { kind: frame.type, gist: line(`${frame.code}: ${said(frame.error)}`), shown };
  }
  if (frame?.type === "walker" && typeof frame.walker === "string") {
    const rest = direction === "sent" ? frame.context : frame.reports;
    return { kind: "walker", gist: line(`${frame.walker} ${rest === undefined ? "" : JSON.stringify(rest)}`), shown };
  }
  if (direction === "received" && frame?.type === "connection" && frame.data?.root_id) {
    return { kind: "connection", gist: `${frame.data.root_id} in channel ${frame.data.channel_id}`, shown };
  }
  if (direction === "sent" && frame?.type === "change_user") {
    return { kind: "change_user", gist: frame.token ? "with a token" : "the public user", shown };
  }
  const targets = direction === "sent" ? (frame?.channel_ids ?? frame?.root_ids ?? frame?.client_ids) : undefined;
  if (Array.isArray(targets)) return { kind: frame.type, gist: line(`${targets.join(", ")} ${JSON.stringify(frame.data)}`), shown };
  const isKnown = direction === "sent" || ["connection", "ack"].includes(frame?.type);
  return { kind: isKnown && typeof frame?.type === "string" ? frame.type : "data", gist: line(shown), shown };
}

const said = (error) => (typeof error === "string" ? error : error.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; "));
