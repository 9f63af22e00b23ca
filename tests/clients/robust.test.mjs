// Nothing that a client does changes what another one is told, or stays behind in the server.
// OUTRIDER_SECONDS says how long the mixed load lasts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { busySlots, eventually, startServer } from "./server.mjs";
import { randomFrom, story, vandals } from "./vandals.mjs";

const seconds = Number(process.env.OUTRIDER_SECONDS ?? 10);
const seeds = [1, 2, 3, 4, 5, 6];
const growthMiB = 64;

async function ask(url, body, path = "/v1/chat/completions") {
  const reply = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  assert.equal(reply.status, 200, await reply.clone().text());
  return reply;
}

async function whole(url, seed) {
  return (await (await ask(url, story(seed))).json()).choices[0].message.content;
}

async function streamed(url, seed) {
  const text = await (await ask(url, { ...story(seed), stream: true })).text();
  assert.ok(text.endsWith("data: [DONE]\n\n"), text);
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? "")
    .join("");
}

// What the server's process holds in memory.
function residentMiB(pid) {
  return Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) / 1024;
}

test("texts do not depend on what other clients do, and nothing of them stays", async (t) => {
  const server = await startServer({ slots: 4, options: ["--log-disable"] });
  const port = Number(new URL(server.url).port);
  const quiet = new Map();
  for (const seed of seeds) quiet.set(seed, await whole(server.url, seed));
  assert.equal(new Set(quiet.values()).size, seeds.length, "each seed tells another tale");

  const start = Date.now();
  const isOver = () => Date.now() - start > seconds * 1000;
  const counts = { answers: 0, vandals: {} };
  const first = residentMiB(server.pid);
  let early;
  async function good(ask) {
    for (let i = 0; !isOver(); ++i) {
      const seed = seeds[i % seeds.length];
      assert.equal(await ask(server.url, seed), quiet.get(seed));
      ++counts.answers;
      if (!early && Date.now() - start > seconds * 300) early = residentMiB(server.pid);
    }
  }
  async function bad(seed) {
    const random = randomFrom(seed);
    const kinds = Object.keys(vandals);
    while (!isOver()) {
      const kind = kinds[random(kinds.length)];
      await vandals[kind](port, random);
      counts.vandals[kind] = (counts.vandals[kind] ?? 0) + 1;
    }
  }
  await Promise.all([good(whole), good(streamed), ...[1, 2, 3, 4, 5, 6, 7, 8].map(bad)]);

  await eventually(async () => (await busySlots(server.url)) === 0);
  const late = residentMiB(server.pid);
  const memory = [first, early, late].map((mib) => mib.toFixed(0)).join(", ");
  t.diagnostic(`${counts.answers} answers among vandals: ${JSON.stringify(counts.vandals)}`);
  t.diagnostic(`${memory} MiB before, after a third, and at the end`);
  assert.ok(counts.answers >= seeds.length);
  assert.ok(late < early + growthMiB, `${early} MiB became ${late} MiB`);
  for (const seed of seeds) assert.equal(await whole(server.url, seed), quiet.get(seed));
  await server.stop();
});

for (const name of Object.keys(vandals)) {
  test(`a client that ${name.replaceAll("_", " ")} frees what it held`, async () => {
    const server = await startServer({ options: ["--log-disable"] });
    await vandals[name](Number(new URL(server.url).port), randomFrom(1));
    await eventually(async () => (await busySlots(server.url)) === 0);
    assert.ok((await whole(server.url, 1)).length > 0);
    await server.stop();
  });
}

test("five hundred streams are served", async () => {
  const server = await startServer({ slots: 8, options: ["--log-disable", "--queue", "600"] });
  const short = (seed) => ({ ...story(seed), max_tokens: 8, ignore_eos: true, stream: true });
  const texts = await Promise.all(
    Array.from({ length: 500 }, async (_, i) => (await ask(server.url, short(i % 5))).text()),
  );
  for (const text of texts) assert.ok(text.endsWith("data: [DONE]\n\n"));
  await server.stop();
});

test("a server that was killed starts again on its port", async () => {
  const killed = await startServer();
  const first = await whole(killed.url, 1);
  const port = new URL(killed.url).port;
  await killed.kill();
  const server = await startServer({ port });
  assert.equal(await whole(server.url, 1), first);
  await server.stop();
});

test("a server that is told to stop lets a stream end", async () => {
  const server = await startServer();
  const reply = await ask(server.url, { ...story(1), max_tokens: 200, stream: true });
  const reader = reply.body.getReader();
  await reader.read();
  const stopped = server.stop();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += Buffer.from(part.value).toString();
  }
  assert.ok(text.endsWith("data: [DONE]\n\n"));
  await stopped;
});
