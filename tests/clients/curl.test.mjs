// curl, as documentation and scripts use it.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { busySlots, eventually, startServer } from "./server.mjs";

const run = promisify(execFile);
let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

const curl = async (...options) => {
  const { stdout } = await run("curl", ["-sS", "--max-time", "60", ...options]);
  return stdout;
};
const json = (value) => ["-H", "Content-Type: application/json", "-d", JSON.stringify(value)];
const chat = () => `${server.url}/v1/chat/completions`;
const sum = { messages: [{ role: "user", content: "What is 47 + 58?" }], temperature: 0 };

test("the line that serve prints works as it stands", async () => {
  const line = server.log().match(/^curl .*$/m)[0];
  const reply = JSON.parse((await run("sh", ["-c", `${line} -sS --max-time 60`])).stdout);
  assert.equal(reply.choices[0].message.role, "assistant");
});

test("a stream ends with [DONE]", async () => {
  const text = await curl("-N", ...json({ ...sum, stream: true }), chat());
  assert.match(text, /^data: \{/);
  assert.ok(text.endsWith("data: [DONE]\n\n"));
});

test("a large body is taken in chunks, after asking", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outrider-"));
  const body = join(folder, "body.json");
  writeFileSync(body, JSON.stringify({ content: "hello world ".repeat(20_000) }));
  const text = await curl(
    "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked",
    "-H", "Content-Type: application/json", "--data-binary", `@${body}`, `${server.url}/tokenize`,
  );
  rmSync(folder, { recursive: true });
  assert.ok(JSON.parse(text).tokens.length > 20_000);
});

test("old HTTP works", async () => {
  const text = await curl("-0", "-N", ...json({ ...sum, stream: true }), chat());
  assert.ok(text.endsWith("data: [DONE]\n\n"));
});

test("health, head and a missing page", async () => {
  const status = (...options) => curl("-o", "/dev/null", "-w", "%{http_code}", ...options);
  assert.equal(await status(`${server.url}/health`), "200");
  assert.equal(await status("-I", `${server.url}/health`), "200");
  assert.equal(await status(`${server.url}/nowhere`), "404");
  assert.equal(await status("-X", "DELETE", chat()), "405");
});

test("metrics are there for Prometheus", async () => {
  const text = await curl(`${server.url}/metrics`);
  assert.match(text, /^vllm:num_requests_running(\{.*\})? 0$/m);
});

test("a stream whose client is killed frees its slot", async () => {
  const endless = {
    messages: [{ role: "user", content: "Tell me a story about a fox." }],
    max_tokens: 3000,
    stream: true,
    ignore_eos: true,
  };
  const child = spawn("curl", ["-sSN", ...json(endless), chat()]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  await eventually(async () => (await busySlots(server.url)) === 1);
  child.kill("SIGKILL");
  await eventually(async () => (await busySlots(server.url)) === 0);
});
