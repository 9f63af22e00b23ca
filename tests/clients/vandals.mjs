// Clients that do what they should not. Each is a promise that ends when its connection does, or
// when it has done enough harm.
import { connect } from "node:net";

export const story = (seed) => ({
  messages: [{ role: "user", content: "Tell me a story about a fox." }],
  seed,
  max_tokens: 40,
});

// A small generator (mulberry32), so that a run can be repeated.
export function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function head(path, length) {
  return `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`;
}

function request(path, body) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return head(path, Buffer.byteLength(text)) + text;
}

// Sends, and ends the connection after `ms` unless the server does. `reads` is whether it takes
// what comes.
function rude(port, bytes, { ms = 200, reads = true, end = "destroy" } = {}) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const timer = setTimeout(() => {
      if (end === "half") socket.end();
      else if (end === "reset") socket.resetAndDestroy();
      else socket.destroy();
    }, ms);
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
    if (reads) socket.resume();
    else socket.pause();
    socket.write(bytes);
  });
}

const endless = (stream) => ({ ...story(1), max_tokens: 3000, ignore_eos: true, stream });
const chat = "/v1/chat/completions";

// Each kind by its name; all take (port, random).
export const vandals = {
  leaves_a_stream: (port, random) =>
    rude(port, request(chat, endless(true)), { ms: 20 + random(300) }),
  resets_a_stream: (port, random) =>
    rude(port, request(chat, endless(true)), { ms: 20 + random(300), end: "reset" }),
  gives_up_waiting: (port, random) =>
    rude(port, request(chat, endless(false)), { ms: 20 + random(300) }),
  half_closes: (port, random) =>
    rude(port, request("/v1/messages", endless(true)), { ms: 20 + random(200), end: "half" }),
  reads_nothing: (port) => rude(port, request(chat, endless(true)), { ms: 1000, reads: false }),
  drips: (port) => rude(port, "POST /v1/messages HTTP/1.1\r\nHost:", { ms: 1000 }),
  breaks_off_a_body: (port, random) =>
    rude(port, request(chat, story(1)).slice(0, 90 + random(60)), { ms: 50 }),
  talks_nonsense: (port, random) =>
    rude(port, Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256))), { ms: 50 }),
  sends_a_long_head: (port) =>
    rude(port, `GET / HTTP/1.1\r\nHost: h\r\nA: ${"a".repeat(40_000)}\r\n\r\n`),
  announces_too_much: (port) => rude(port, `${head(chat, 1e15)}{`),
  nests_deeply: (port) => rude(port, request(chat, "[".repeat(200_000))),
  breaks_utf8: (port) =>
    rude(port, Buffer.concat([Buffer.from(head(chat, 4)), Buffer.from([0x22, 0xff, 0xfe, 0x22])])),
  mistypes: (port, random) => {
    const wrong = [1, "x", [], {}, null, true, -1, 1e300][random(8)];
    const field = ["messages", "temperature", "stop", "tools", "seed", "stream", "n"][random(7)];
    return rude(port, request(chat, { ...endless(true), [field]: wrong }), { ms: 50 });
  },
  asks_ahead: (port) => rude(port, request("/tokenize", { content: "a" }).repeat(200)),
};
