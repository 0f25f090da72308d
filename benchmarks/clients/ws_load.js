// Loads a server with Node's ws. usage: PROTOCOL PORT echo|fanout N SECONDS
// Each of N clients has one echo in flight, or a publisher has 16 messages on their way to N clients.
// Prints how many messages the clients received, as JSON.
const WebSocket = require("ws");

const [protocol, port, test, many, seconds] = process.argv.slice(2);
const jac = protocol === "jac";
const count = Number(many);
const padding = "x".repeat(90);
const window = 16;
let received = 0;

// A connection that is ready, and its client id where it has one.
function open(path, query = "") {
  const target = jac ? `/websocket${query}` : path;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${target}`, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    if (!jac) socket.once("open", () => resolve([socket, ""]));
    else socket.once("message", (text) => resolve([socket, JSON.parse(text).data.client_id]));
  });
}

async function echo(until) {
  const [socket, clientId] = await open("/echo");
  const data = { p: padding };
  const text = JSON.stringify(jac ? { type: "client", client_ids: [clientId], data } : data);
  await new Promise((done) => {
    socket.on("message", () => {
      ++received;
      if (performance.now() < until) socket.send(text);
      else done();
    });
    socket.send(text);
  });
  socket.terminate();
}

async function fanout(until) {
  const missing = new Map();
  const [publisher] = await open("/pub");
  const sockets = [];
  for (let i = 0; i < count; ++i) sockets.push((await open("/sub", "?channel_id=bench"))[0]);
  let number = 0;
  await new Promise((done) => {
    const publish = () => {
      while (missing.size < window && performance.now() < until) {
        missing.set(number, count);
        const data = { n: number++, p: padding };
        const event = { type: "channel", channel_ids: ["bench"], data };
        publisher.send(JSON.stringify(jac ? event : data));
      }
      if (missing.size === 0) done();
    };
    for (const socket of sockets) {
      socket.on("message", (text) => {
        ++received;
        const { n } = JSON.parse(text);
        missing.set(n, missing.get(n) - 1);
        if (missing.get(n) > 0) return;
        missing.delete(n);
        publish();
      });
    }
    publish();
  });
  for (const socket of [publisher, ...sockets]) socket.terminate();
}

async function main() {
  const start = performance.now();
  const until = start + 1000 * Number(seconds);
  if (test === "echo") await Promise.all(Array.from({ length: count }, () => echo(until)));
  else await fanout(until);
  const rate = Math.round((1000 * received) / (performance.now() - start));
  console.log(JSON.stringify({ [test === "echo" ? "msgs_s" : "deliv_s"]: rate, received }));
  process.exit(0);
}

main();
