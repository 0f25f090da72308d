// One WebSocket at a time, and what is known of it.

import { parsed } from "./json.js";

/** Tells by events: `state` ("connecting", "open", "closed", with a note), `frame` (direction and text), `who` (ids). */
export class Connection extends EventTarget {
  #socket = null;

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get isClosed() {
    return this.#socket === null;
  }

  /** Browsers cannot send a token with the handshake: it follows as the first event. */
  open(channel, token) {
    const url = new URL("websocket", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    if (channel) url.searchParams.set("channel_id", channel);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#tell("state", { state: "connecting", note: "Connecting…" });
    let wanted = token;
    socket.addEventListener("open", () => this.#tell("state", { state: "open", note: "Connected" }));
    socket.addEventListener("message", async ({ data }) => {
      const text = typeof data === "string" ? data : await data.text();
      this.#tell("frame", { direction: "received", text });
      const frame = parsed(text);
      if (frame?.type !== "connection" || !frame.data?.client_id) return;
      this.#tell("who", frame.data);
      if (wanted) this.send(JSON.stringify({ type: "change_user", token: wanted }));
      wanted = "";
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (this.#socket === socket) this.#socket = null;
      const why = reason ? `: ${reason}` : "";
      this.#tell("state", { state: "closed", note: code === 1005 ? "Closed" : `Closed with ${code}${why}` });
    });
  }

  send(text) {
    this.#tell("frame", { direction: "sent", text });
    this.#socket.send(text);
  }

  close() {
    this.#socket?.close();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The answer's token, or an Error with the server's sentence. `path` is login or register. */
export async function account(path, email, password) {
  const answer = await fetch(`user/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const body = await answer.json();
  if (!answer.ok) {
    const said = typeof body.error === "string" ? body.error : body.error.map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`).join("; ");
    throw new Error(said);
  }
  return body.token;
}
