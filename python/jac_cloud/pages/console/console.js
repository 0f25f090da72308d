// The console's page: joins the connection, the composer and the log. All addresses are relative to the page's, so that it
// works behind a proxy's prefix.

import { Composer } from "./composer.js";
import { Connection, account } from "./connection.js";
import { at } from "./elements.js";
import { FrameLog } from "./log.js";

const connection = new Connection();
const connect = at("connect").elements;
let who = {};
let events = 0;

const log = new FrameLog(at("log"), {
  onchange(shown, all) {
    at("count").textContent = shown === all ? `${all}` : `${shown} of ${all}`;
    at("empty").hidden = all > 0;
  },
  onfollow(isFollowing) {
    at("follow").hidden = isFollowing;
  },
  again: (text) => connection.isOpen && connection.send(text),
});

connection.addEventListener("frame", ({ detail }) => log.add(detail.direction, detail.text));
connection.addEventListener("who", ({ detail }) => showWho(detail));
connection.addEventListener("state", ({ detail: { state, note } }) => {
  at("state").dataset.state = state;
  at("state").textContent = note;
  at("send-button").disabled = state !== "open";
  at("connect-button").textContent = state === "closed" ? "Connect" : "Disconnect";
  if (state !== "connecting") log.add("note", note);
  if (state === "closed") showWho({});
});

function showWho(ids) {
  who = ids;
  at("who").hidden = !ids.client_id;
  for (const [id, name] of [["root-id", "root_id"], ["client-id", "client_id"], ["channel-id", "channel_id"]]) {
    at(id).textContent = ids[name] ?? "";
  }
}

for (const id of ["root-id", "client-id", "channel-id"]) {
  at(id).addEventListener("click", () => navigator.clipboard.writeText(at(id).textContent));
}

at("connect").addEventListener("submit", (event) => {
  event.preventDefault();
  if (connection.isClosed) connection.open(connect.channel.value, connect.token.value.trim());
  else connection.close();
});

for (const path of ["login", "register"]) {
  at(path).addEventListener("click", async () => {
    const note = at("account-note");
    const given = [connect.email.value, connect.password.value];
    note.textContent = "…";
    try {
      if (path === "register") await account("register", ...given);
      connect.token.value = await account("login", ...given);
      note.textContent = "The token is in its field.";
      if (connection.isOpen) connection.send(JSON.stringify({ type: "change_user", token: connect.token.value }));
    } catch (error) {
      note.textContent = error.message;
    }
  });
}

at("filter").addEventListener("input", () => log.filter(at("filter").value, at("show").value));
at("show").addEventListener("change", () => log.filter(at("filter").value, at("show").value));
at("clear").addEventListener("click", () => log.clear());
at("follow").addEventListener("click", () => log.follow());

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("send").requestSubmit(at("send-button"));
  else if (event.key === "/" && !isTyping) at("filter").focus();
  else if (event.key === "Escape" && event.target === at("filter")) {
    at("filter").value = "";
    log.filter("", at("show").value);
  } else return;
  event.preventDefault();
});

try {
  const description = await (await fetch("asyncapi.json")).json();
  at("app").textContent = description.info.title;
  document.title = `${description.info.title} · Console`;
  const composer = new Composer(at("kinds"), at("panel"), description, () => ({ ...who, token: connect.token.value }));
  const next = () => (at("number").checked ? String(events + 1) : undefined);

  at("as-json").addEventListener("click", () => composer.edit(composer.event(next()).text));
  at("send").addEventListener("submit", (event) => {
    event.preventDefault();
    const { text, problem, at: wrong } = composer.event(next());
    at("send-note").textContent = problem;
    wrong?.element.querySelector("[data-field]").focus();
    if (problem || !connection.isOpen) return;
    events += 1;
    connection.send(text);
  });
} catch (error) {
  at("panel").textContent = `asyncapi.json could not be read: ${error.message}`;
}
