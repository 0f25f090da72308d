// JSON as text: what is sent and what came is shown as it stands, so that no number is rounded on its way through JavaScript.

/** The problem with a text of JSON as a sentence, or "" where there is none. */
export function problemOf(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return error.message;
  }
}

/** The value of a text of JSON; undefined for any other text. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The text of an object of fields that are JSON texts themselves; those that are undefined are left out. */
export function objectOf(fields) {
  const given = Object.entries(fields).filter(([, text]) => text !== undefined);
  return `{${given.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

/** JSON over several lines, each of its tokens as it was. */
export function indented(text) {
  const tokens = text.match(TOKEN) ?? [];
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, at) => {
    const opens = token === "{" || token === "[";
    const closes = token === "}" || token === "]";
    const isEmpty = closes && (tokens[at - 1] === "{" || tokens[at - 1] === "[");
    if (closes) {
      depth -= 1;
      out += isEmpty ? token : line() + token;
    } else if (opens) {
      depth += 1;
      const next = tokens[at + 1];
      out += token + (next === "}" || next === "]" ? "" : line());
    } else if (token === ",") {
      out += `,${line()}`;
    } else {
      out += token === ":" ? ": " : token;
    }
  });
  return out;
}
