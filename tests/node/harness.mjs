// What the guide's JavaScript runs in: tests/python/test_guide_javascript.py puts a program together of the guide's own
// snippets and these functions. The same file is loaded by Node and by the page in Chromium.

/** Every message `client` receives, in order; `count` waits until there are so many. Call it before anything arrives. */
export function watch(client) {
  const received = [];
  const waiting = [];
  client.addEventListener("message", (event) => {
    received.push(JSON.parse(event.data));
    while (waiting.length && received.length >= waiting[0].count) waiting.shift().resolve();
  });
  const count = (count) => new Promise((resolve) => {
    if (received.length >= count) resolve();
    else waiting.push({ count, resolve });
  });
  return { received, count };
}

/** The guide's publishing snippet with its placeholders filled from the connection frame, run against `client`. */
export function publish(client, snippet, walker, info) {
  const code = snippet
    .replace("your_walker_name", walker)
    .replace("target client_id from connection event", info.client_id)
    .replace("target channel_id from connection event", info.channel_id)
    .replace("target root_id from connection event", info.root_id);
  new Function("client", code)(client);
}

/**
 * Waits for the connection frames, publishes, waits for what comes back, closes.
 * Returns everything received and what the guide's own handler printed.
 */
export async function run(client, { connections, snippet, walker, answers }, printed) {
  const messages = watch(client);
  await messages.count(connections);
  publish(client, snippet, walker, messages.received[connections - 1].data);
  await messages.count(connections + answers);
  const closed = new Promise((resolve) => client.addEventListener("close", (event) => resolve(event.code)));
  client.close(1000);
  return { received: messages.received, closed: await closed, printed };
}
