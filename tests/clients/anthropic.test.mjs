// Anthropic's own client: messages, streams, tools, thinking, counts, errors, an abort, keys.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { busySlots, eventually, startServer } from "./server.mjs";

let server;
let client;
before(async () => {
  server = await startServer();
  client = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
});
after(() => server?.stop());

const sum = [{ role: "user", content: "What is 47 + 58?" }];
const music = {
  name: "play_music",
  description: "Plays music",
  input_schema: {
    type: "object",
    properties: { track: { type: "string" }, loudness: { type: "integer" } },
    required: ["track", "loudness"],
  },
};
const please = [{ role: "user", content: 'Please play "big shell" with volume 82?' }];
const story = [{ role: "user", content: "Tell me a story about a fox." }];
const greedy = { model: "nano", temperature: 0, max_tokens: 200 };
const textOf = (message) => message.content.find((block) => block.type === "text").text;

test("a question is answered", async () => {
  const message = await client.messages.create({ ...greedy, messages: sum });
  assert.equal(message.role, "assistant");
  assert.match(textOf(message), /105/);
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.usage.output_tokens > 0);
  assert.match(message._request_id, /^req_/);
});

test("a stream says what the whole reply says", async () => {
  const whole = await client.messages.create({ ...greedy, messages: sum });
  const stream = client.messages.stream({ ...greedy, messages: sum });
  let text = "";
  stream.on("text", (delta) => {
    text += delta;
  });
  const message = await stream.finalMessage();
  assert.equal(text, textOf(whole));
  assert.deepEqual(message.content, whole.content);
  assert.equal(message.usage.output_tokens, whole.usage.output_tokens);
});

test("a tool is used, and its result told", async () => {
  const request = { ...greedy, tools: [music] };
  const call = await client.messages.create({ ...request, messages: please });
  assert.equal(call.stop_reason, "tool_use");
  const asked = call.content.find((block) => block.type === "tool_use");
  assert.equal(asked.name, "play_music");
  assert.deepEqual(asked.input, { track: "big shell", loudness: 82 });
  const end = await client.messages.create({
    ...request,
    messages: [
      ...please,
      { role: "assistant", content: call.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: asked.id, content: "done" }] },
    ],
  });
  assert.match(textOf(end), /big shell/);
});

test("a tool's input comes in a stream", async () => {
  const message = await client.messages
    .stream({ ...greedy, messages: please, tools: [music] })
    .finalMessage();
  const asked = message.content.find((block) => block.type === "tool_use");
  assert.deepEqual(asked.input, { track: "big shell", loudness: 82 });
});

test("thinking is a block of its own", async () => {
  const message = await client.messages.create({
    model: "nano",
    max_tokens: 2000,
    thinking: { type: "enabled", budget_tokens: 1024 },
    messages: please,
    tools: [music],
  });
  assert.equal(message.content[0].type, "thinking");
  assert.ok(message.content[0].thinking.length > 0);
});

test("tokens are counted as a reply counts them", async () => {
  const counted = await client.messages.countTokens({ model: "nano", messages: sum });
  const { usage } = await client.messages.create({ ...greedy, messages: sum });
  const prompt =
    usage.input_tokens +
    (usage.cache_read_input_tokens ?? 0) +
    (usage.cache_creation_input_tokens ?? 0);
  assert.equal(counted.input_tokens, prompt);
});

test("mistakes become the client's own errors", async () => {
  await assert.rejects(
    client.messages.create({ ...greedy, messages: sum, temperature: "hot" }),
    (error) =>
      error instanceof Anthropic.BadRequestError &&
      error.error.error.type === "invalid_request_error" &&
      /temperature/.test(error.message),
  );
  await assert.rejects(client.get("/v1/messages/no/such/path"), Anthropic.NotFoundError);
});

test("a stream that is aborted frees its slot", async () => {
  const stream = client.messages.stream({
    model: "nano",
    max_tokens: 3000,
    messages: story,
    ignore_eos: true,
  });
  let chunks = 0;
  stream.on("text", () => {
    if (++chunks === 2) stream.abort();
  });
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  await eventually(async () => (await busySlots(server.url)) === 0);
});

test("a key is asked for where one is set", async () => {
  const locked = await startServer({ options: ["--api-key", "the-key"] });
  const request = { ...greedy, messages: sum };
  const known = new Anthropic({ baseURL: locked.url, apiKey: "the-key", maxRetries: 0 });
  assert.match(textOf(await known.messages.create(request)), /105/);
  const stranger = new Anthropic({ baseURL: locked.url, apiKey: "another", maxRetries: 0 });
  await assert.rejects(stranger.messages.create(request), Anthropic.AuthenticationError);
  await locked.stop();
});
