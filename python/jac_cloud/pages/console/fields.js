// Fields of a form, made of JSON Schema. Each gives its value as a text of JSON; one that is left empty is not sent.

import { make } from "./elements.js";
import { problemOf } from "./json.js";

/** Follows `$ref` into the document, and takes `null` out of a choice with one other thing in it. */
export function resolved(schema, document) {
  let found = schema;
  while (found.$ref) {
    const target = found.$ref.slice(2).split("/").reduce((part, key) => part[key], document);
    const { $ref: _, ...beside } = found;
    found = { ...target, ...beside };
  }
  const choices = found.anyOf ?? found.oneOf;
  if (!choices) return found;
  const others = choices.filter((choice) => choice.type !== "null");
  if (others.length !== 1 || others.length === choices.length) return found;
  const { anyOf: _any, oneOf: _one, ...beside } = found;
  return { ...resolved(others[0], document), ...beside, nullable: true };
}

/** A few words on what a schema takes. */
export function typeName(schema, document) {
  const is = resolved(schema, document);
  const choices = is.anyOf ?? is.oneOf;
  let name = is.format ?? is.type ?? "anything";
  if (is.enum || "const" in is) name = "choice";
  else if (choices) name = choices.map((choice) => typeName(choice, document)).join(" or ");
  else if (is.type === "array" && is.items && !Array.isArray(is.items)) name = `list of ${typeName(is.items, document)}`;
  else if (is.type === "array") name = "list";
  else if (is.type === "object") name = (is.properties && is.title) || "object";
  return is.nullable ? `${name} or null` : name;
}

let made = 0;

/** A labelled field: `element` to show, `json()` for its text, undefined when left out, `problem()` for what is wrong with it. */
export function field(name, schema, document, required) {
  const is = resolved(schema, document);
  const input = inputFor(is, required);
  const note = make("span", { class: "note", id: `note-${(made += 1)}` });
  const kind = make("span", { class: "type" }, typeName(schema, document));
  const label = make("span", { class: "name" }, name, required ? make("b", { title: "required" }, " *") : "");
  const described = is.description ? make("span", { class: "hint" }, is.description) : "";
  input.control.setAttribute("aria-describedby", note.id);
  input.control.required = required;
  input.control.dataset.field = name;

  const problem = () => {
    if (input.json() !== undefined) return problemOf(input.json()) && input.complaint;
    return required ? "is needed" : "";
  };
  const show = () => {
    note.textContent = problem();
    input.control.setAttribute("aria-invalid", String(problem() !== ""));
  };
  input.control.addEventListener("blur", show);
  input.control.addEventListener("input", () => note.textContent && show());
  const element = make("label", { class: "field" }, make("span", { class: "head" }, label, kind), input.control, described, note);
  return { name, element, json: input.json, problem, show };
}

/** The control that fits a schema, and how its value is read as JSON. */
function inputFor(is, required) {
  const example = is.examples?.length ? `for example ${shown(is.examples[0])}` : "";
  const unset = "default" in is ? `default: ${shown(is.default)}` : example || "left out";
  if (is.enum || is.type === "boolean") {
    const choices = (is.enum ?? [true, false]).map((value) => make("option", { value: JSON.stringify(value) }, shown(value)));
    if (is.nullable) choices.push(make("option", { value: "null" }, "null"));
    const control = make("select", {}, make("option", { value: "" }, required ? "choose" : unset), ...choices);
    return { control, json: () => control.value || undefined, complaint: "" };
  }
  if (is.type === "string") {
    const control = make("input", { placeholder: required ? example : unset, spellcheck: false });
    const isEmpty = () => control.value === "" && !required;
    return { control, json: () => (isEmpty() ? undefined : JSON.stringify(control.value)), complaint: "" };
  }
  if (is.type === "integer" || is.type === "number") {
    const control = make("input", { inputMode: is.type === "integer" ? "numeric" : "decimal", placeholder: required ? example : unset });
    return { control, json: () => control.value.trim() || undefined, complaint: "is not a number" };
  }
  const control = make("textarea", { rows: 2, placeholder: required ? example || "JSON" : `JSON (${unset})`, spellcheck: false, className: "code" });
  return { control, json: () => control.value.trim() || undefined, complaint: "is not JSON" };
}

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
