// Node's ws: /echo returns, /pub goes to every /sub.
const { WebSocketServer } = require("ws");

const subscribers = new Set();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  perMessageDeflate: false,
  backlog: 4096,
});

server.on("connection", (socket, request) => {
  socket.on("error", () => socket.terminate());
  if (request.url === "/sub") {
    subscribers.add(socket);
    socket.on("close", () => subscribers.delete(socket));
  } else if (request.url === "/pub") {
    socket.on("message", (message) => {
      for (const subscriber of subscribers) subscriber.send(message, { binary: false });
    });
  } else {
    socket.on("message", (message) => socket.send(message, { binary: false }));
  }
});
