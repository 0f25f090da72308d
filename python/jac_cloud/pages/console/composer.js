// Composing an event: a panel for each kind, the walkers' made of their schemas in asyncapi.json.

import { button, make } from "./elements.js";
import { field } from "./fields.js";
import { indented, objectOf, problemOf } from "./json.js";

const TEXT = { type: "string" };
const TARGETS = { type: "string", format: "ids, separated by commas" };
const KINDS = {
  walker: { label: "Walker" },
  channel: { label: "Channel", targets: "channel_ids", mine: "channel_id", hint: "To every connection subscribed to these channels." },
  user: { label: "User", targets: "root_ids", mine: "root_id", hint: "To every connection of these users, by the ids of their roots." },
  client: { label: "Client", targets: "client_ids", mine: "client_id", hint: "To these connections." },
  change_user: { label: "Change user", hint: "Makes this connection another user's; without a token, the public user's." },
  connection: { label: "Connection", hint: "Asks for the connection frame: who this connection is." },
  json: { label: "JSON", hint: "Anything, as it stands: also what is not well formed." },
};

export class Composer {
  #fields = [];
  #kind = "walker";
  #raw = "";
  #given = new Map();

  /** `who()` gives the ids of the connection and its token, as far as they are known. */
  constructor(tablist, panel, document, who) {
    this.panel = panel;
    this.document = document;
    this.who = who;
    this.walkers = walkersOf(document);
    this.tabs = Object.entries(KINDS).map(([kind, { label }]) =>
      button(label, () => this.show(kind), { role: "tab", id: `tab-${kind}`, data: { kind } }),
    );
    tablist.append(...this.tabs);
    tablist.addEventListener("keydown", (event) => this.#arrow(event));
    this.show("walker");
  }

  /** The text to be sent, and what is wrong with it, field by field ("" where it is fine). */
  event(id) {
    if (this.#kind === "json") return { text: this.#raw, problem: this.#raw ? "" : "Nothing to send" };
    const wrong = this.#fields.filter((each) => each.problem() !== "");
    wrong.forEach((each) => each.show());
    const fields = Object.fromEntries(this.#fields.map((each) => [each.name, each.json()]));
    const problem = wrong.map((each) => `${each.name} ${each.problem()}`).join(", ");
    return { text: this.#textOf(fields, id), problem, at: wrong[0] };
  }

  /** Lets the text be edited as it stands. */
  edit(text) {
    this.#raw = indented(text);
    this.show("json");
  }

  show(kind) {
    this.#kind = kind;
    for (const tab of this.tabs) {
      const isThis = tab.dataset.kind === kind;
      tab.setAttribute("aria-selected", String(isThis));
      tab.tabIndex = isThis ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${kind}`);
    const hint = KINDS[kind].hint;
    this.panel.replaceChildren(...(hint ? [make("p", { class: "hint" }, hint)] : []), ...this.#contents(kind));
  }

  #contents(kind) {
    this.#fields = [];
    if (kind === "json") return [this.#rawEditor()];
    if (kind === "walker") return this.#walkerForm();
    if (kind === "change_user") return [this.#add("token", TEXT, false, this.who().token)];
    const { targets, mine } = KINDS[kind];
    if (!targets) return [];
    const list = this.#add(targets, TARGETS, true, this.who()[mine]);
    return [list, this.#add("data", { type: "object" }, true, this.#given.get("data") ?? '{"text": "Hello"}')];
  }

  #walkerForm() {
    if (!this.walkers.length) return [make("p", { class: "hint" }, "No walker of this app is for WebSocket: list websocket among its methods.")];
    const options = this.walkers.map(({ name, wantsUser }) => make("option", { value: name }, wantsUser ? `${name} (for users)` : name));
    const chosen = make("select", { id: "walker" }, ...options);
    chosen.value = this.chosen ?? this.walkers[0].name;
    const form = make("div", { class: "fields" });
    const fill = () => {
      this.chosen = chosen.value;
      this.#fields = [];
      const { schema, description } = this.walkers.find(({ name }) => name === chosen.value);
      const required = new Set(schema.required ?? []);
      const fields = Object.entries(schema.properties ?? {}).map(([name, is]) => this.#add(name, is, required.has(name)));
      const about = description ? [make("p", { class: "hint" }, description)] : [];
      form.replaceChildren(...about, ...(fields.length ? fields : [make("p", { class: "hint" }, "It takes nothing.")]));
    };
    chosen.addEventListener("change", fill);
    fill();
    const node = make("input", { id: "node", placeholder: "the user's root", spellcheck: false });
    const response = make("input", { type: "checkbox", id: "response", checked: true });
    return [
      make("label", { class: "field" }, make("span", { class: "head" }, make("span", { class: "name" }, "Walker")), chosen),
      form,
      make("div", { class: "row" }, make("label", {}, "On node ", node), make("label", { class: "check" }, response, " Wants its reports")),
    ];
  }

  #rawEditor() {
    const note = make("p", { class: "note", role: "status" });
    const look = () => (note.textContent = this.#raw && problemOf(this.#raw) && `Not JSON: ${problemOf(this.#raw)}`);
    const editor = make("textarea", { rows: 14, className: "code", value: this.#raw, spellcheck: false, aria: { label: "Event" } });
    editor.addEventListener("input", () => {
      this.#raw = editor.value;
      look();
    });
    look();
    return make("div", {}, editor, note);
  }

  #add(name, schema, required, value) {
    const made = field(name, schema, this.document, required);
    this.#fields.push(made);
    const control = made.element.querySelector("[data-field]");
    if (value !== undefined) control.value = value;
    control.addEventListener("input", () => this.#given.set(name, control.value));
    return made.element;
  }

  #textOf(fields, id) {
    const kind = this.#kind;
    const { targets } = KINDS[kind];
    if (targets) {
      const listed = JSON.parse(fields[targets] ?? '""').split(",").map((target) => target.trim()).filter(Boolean);
      fields[targets] = JSON.stringify(listed);
    }
    if (kind === "change_user") fields.token ??= "null";
    if (kind !== "walker") return objectOf({ type: JSON.stringify(kind), ...fields, id });
    const node = this.panel.querySelector("#node")?.value.trim();
    return objectOf({
      type: '"walker"',
      walker: JSON.stringify(this.chosen ?? ""),
      context: objectOf(fields),
      response: String(this.panel.querySelector("#response")?.checked ?? true),
      node: node ? JSON.stringify(node) : undefined,
      id,
    });
  }

  #arrow(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const now = this.tabs.findIndex((tab) => tab.dataset.kind === this.#kind);
    const next = this.tabs.at((now + step) % this.tabs.length);
    this.show(next.dataset.kind);
    next.focus();
    event.preventDefault();
  }
}

/** The walkers of the document: name, description, schema of their fields, and whether they are for users only. */
function walkersOf(document) {
  const target = ({ $ref }) => $ref.slice(2).split("/").reduce((part, key) => part[key], document);
  return Object.entries(document.operations)
    .filter(([key, { action }]) => key.startsWith("walker.") && action === "receive")
    .map(([, operation]) => {
      const { properties } = target(target(operation.messages[0])).payload;
      const context = properties.context.$ref ? target(properties.context) : properties.context;
      return {
        name: properties.walker.const,
        description: operation.description ?? "",
        schema: context,
        wantsUser: Boolean(operation.security?.length),
      };
    });
}
