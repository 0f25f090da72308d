// The page's side of the chat: one WebSocket, joined to the channel of the room.

const byId = (id) => document.getElementById(id);
const messages = byId("messages");
const status = byId("status");

// The tab remembers its name, so two tabs may be two people; the address names the room.
const name = () => byId("name").value.trim();
byId("name").value = sessionStorage.getItem("name") ?? `guest-${Math.floor(1000 + Math.random() * 9000)}`;
let room = new URLSearchParams(location.search).get("room") || "lobby";
byId("room").value = room;

let socket;
let attempts = 0;
let retry;
let sent = 0;

function show(state, text) {
  status.dataset.state = state;
  status.textContent = text;
  byId("send").disabled = !(state === "open" || state === "error");
}

function connect() {
  clearTimeout(retry);
  socket?.close(1000);
  show("connecting", "Connecting…");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opened = new WebSocket(`${scheme}://${location.host}/websocket?channel_id=${encodeURIComponent(room)}`);
  socket = opened;
  opened.onmessage = (event) => opened === socket && receive(JSON.parse(event.data));
  opened.onclose = (event) => opened === socket && closed(event.code);
}

// Close codes that would only come again: what this page sends is then at fault.
const FINAL = [1002, 1003, 1007, 1009];

function closed(code) {
  if (FINAL.includes(code)) {
    show("closed", `Disconnected (${code}). Reload the page to try again.`);
    return;
  }
  // A random delay keeps all the tabs of a restarted server from coming back at the same moment.
  const longest = Math.min(500 * 2 ** attempts++, 15000);
  const delay = Math.round(longest * (0.5 + Math.random() / 2));
  show("closed", `Disconnected. Trying again in ${(delay / 1000).toFixed(1)} s…`);
  retry = setTimeout(connect, delay);
}

function receive(message) {
  if (message.error) {
    const text = typeof message.error === "string" ? message.error : message.error.map((e) => e.msg).join(" ");
    show("error", `The server says: ${text}`);
    return;
  }
  switch (message.type) {
    case "connection":
      attempts = 0;
      show("open", `In ${room}`);
      socket.send(JSON.stringify({
        type: "walker", walker: "history", response: true, context: { channel_id: room },
      }));
      break;
    case "walker":
      if (message.walker === "history") showHistory(message.reports[0]);
      break;
    case "chat":
      show("open", `In ${room}`);
      if (!find(message.data.id)) messages.append(line(message.data));
      messages.scrollTop = messages.scrollHeight;
      break;
  }
}

const find = (id) => messages.querySelector(`[data-id="${CSS.escape(id)}"]`);

// What was said while the history was on its way is there already: it stays, behind the history.
function showHistory(past) {
  const pastIds = new Set(past.map((message) => message.id));
  const live = [...messages.children].filter((item) => !pastIds.has(item.dataset.id) && item.dataset.room === room);
  messages.replaceChildren(...past.map(line), ...live);
  messages.scrollTop = messages.scrollHeight;
}

function line(message) {
  const item = document.createElement("li");
  item.dataset.id = message.id;
  item.dataset.room = room;
  item.dataset.name = message.name;
  item.classList.toggle("own", message.name === name());
  const who = document.createElement("span");
  who.className = "who";
  const at = new Date(message.at);
  who.textContent = `${message.name} · ${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
  const said = document.createElement("span");
  said.className = "said";
  said.textContent = message.text;
  item.append(who, said);
  return item;
}

byId("name").onchange = () => {
  sessionStorage.setItem("name", name());
  for (const item of messages.children) item.classList.toggle("own", item.dataset.name === name());
};

byId("place").onsubmit = (event) => {
  event.preventDefault();
  const chosen = byId("room").value.trim();
  if (chosen === room) return;
  room = chosen;
  attempts = 0;
  history.replaceState(null, "", `?room=${encodeURIComponent(room)}`);
  messages.replaceChildren();
  connect();
};

byId("composer").onsubmit = (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text || socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({
    type: "walker", walker: "say", id: ++sent, context: { channel_id: room, name: name(), text },
  }));
  byId("text").value = "";
};

connect();
