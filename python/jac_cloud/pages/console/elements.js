// Making elements without a library, and without HTML in texts.

/** An element with these properties (`data` and `aria` are objects, `class` a text) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "aria") for (const [key, said] of Object.entries(value)) element.setAttribute(`aria-${key}`, said);
    else if (name === "role") element.setAttribute("role", value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** The element of the page with this id. */
export const at = (id) => document.getElementById(id);

/** A button that does something. */
export const button = (label, onclick, properties = {}) => make("button", { type: "button", onclick, ...properties }, label);
