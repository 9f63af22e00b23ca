// OpenAI's own client: chat, streams, tools, completions, responses, errors, an abort.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { busySlots, eventually, startServer } from "./server.mjs";

let server;
let client;
before(async () => {
  server = await startServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
after(() => server?.stop());

const sum = [{ role: "user", content: "What is 47 + 58?" }];
const music = {
  type: "function",
  function: {
    name: "play_music",
    description: "Plays music",
    parameters: {
      type: "object",
      properties: { track: { type: "string" }, loudness: { type: "integer" } },
      required: ["track", "loudness"],
    },
  },
};
const please = [{ role: "user", content: 'Please play "big shell" with volume 82?' }];
const story = [{ role: "user", content: "Tell me a story about a fox." }];
const greedy = { model: "nano", temperature: 0 };

test("models are listed, and one can be asked for", async () => {
  const models = await client.models.list();
  assert.equal(models.data.length, 1);
  const model = await client.models.retrieve(models.data[0].id);
  assert.equal(model.id, models.data[0].id);
});

test("a question is answered", async () => {
  const { data: reply, response } = await client.chat.completions
    .create({ ...greedy, messages: sum }, { headers: { "x-request-id": "mine-1" } })
    .withResponse();
  assert.match(reply.choices[0].message.content, /105/);
  assert.equal(reply.choices[0].finish_reason, "stop");
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
  assert.equal(response.headers.get("x-request-id"), "mine-1");
});

test("a stream says what the whole reply says, and its usage at the end", async () => {
  const whole = await client.chat.completions.create({ ...greedy, messages: sum });
  const stream = await client.chat.completions.create({
    ...greedy,
    messages: sum,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage;
  let chunks = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
    ++chunks;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.ok(chunks > 3);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("a tool is called, and its result told", async () => {
  const call = await client.chat.completions.create({
    ...greedy,
    messages: please,
    tools: [music],
  });
  assert.equal(call.choices[0].finish_reason, "tool_calls");
  const [asked] = call.choices[0].message.tool_calls;
  assert.equal(asked.function.name, "play_music");
  assert.deepEqual(JSON.parse(asked.function.arguments), { track: "big shell", loudness: 82 });
  const end = await client.chat.completions.create({
    ...greedy,
    messages: [
      ...please,
      call.choices[0].message,
      { role: "tool", tool_call_id: asked.id, content: "done" },
    ],
    tools: [music],
  });
  assert.match(end.choices[0].message.content, /big shell/);
});

test("a tool call comes in a stream, as the client's helper puts it together", async () => {
  const stream = client.chat.completions.stream({ ...greedy, messages: please, tools: [music] });
  const message = await stream.finalMessage();
  assert.equal(message.tool_calls[0].function.name, "play_music");
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), {
    track: "big shell",
    loudness: 82,
  });
});

test("the client's own loop runs tools until there is an answer", async () => {
  const played = [];
  const play = (given) => {
    played.push(given);
    return "done";
  };
  const runner = client.chat.completions.runTools({
    ...greedy,
    messages: please,
    tools: [
      { type: "function", function: { ...music.function, parse: JSON.parse, function: play } },
    ],
  });
  assert.match(await runner.finalContent(), /big shell/);
  assert.deepEqual(played, [{ track: "big shell", loudness: 82 }]);
});

test("a named tool is called whatever the question", async () => {
  const reply = await client.chat.completions.create({
    ...greedy,
    messages: please,
    tools: [music],
    tool_choice: { type: "function", function: { name: "play_music" } },
  });
  assert.equal(reply.choices[0].message.tool_calls[0].function.name, "play_music");
});

test("seeds repeat, and several replies come at once", async () => {
  const request = { model: "nano", messages: story, seed: 7, n: 2, max_tokens: 30 };
  const first = await client.chat.completions.create(request);
  const again = await client.chat.completions.create(request);
  assert.equal(first.choices.length, 2);
  assert.deepEqual(
    first.choices.map((choice) => choice.message.content),
    again.choices.map((choice) => choice.message.content),
  );
  assert.equal(first.choices[0].finish_reason, "length");
});

test("a plain completion goes on from its prompt, also in a stream", async () => {
  const request = { ...greedy, prompt: "Once upon a time", max_tokens: 20 };
  const whole = await client.completions.create(request);
  assert.ok(whole.choices[0].text.length > 10);
  let text = "";
  for await (const chunk of await client.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0]?.text ?? "";
  }
  assert.equal(text, whole.choices[0].text);
});

test("a response is created and streamed", async () => {
  const metadata = { run: "7" };
  const request = { ...greedy, input: "What is 47 + 58?", instructions: "Be brief.", metadata };
  const whole = await client.responses.create(request);
  assert.equal(whole.instructions, "Be brief.");
  assert.deepEqual(whole.metadata, metadata);
  assert.equal(whole.status, "completed");
  assert.match(whole.output_text, /105/);
  let text = "";
  let last;
  for await (const event of await client.responses.create({ ...request, stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  assert.equal(text, whole.output_text);
  assert.equal(last.type, "response.completed");
  assert.equal(last.response.output[0].content[0].text, text);
});

test("a response calls a tool, and takes its result", async () => {
  const tools = [{ type: "function", strict: false, ...music.function }];
  const input = [{ role: "user", content: please[0].content }];
  const call = await client.responses.create({ ...greedy, input, tools });
  const asked = call.output.find((item) => item.type === "function_call");
  assert.deepEqual(JSON.parse(asked.arguments), { track: "big shell", loudness: 82 });
  const end = await client.responses.create({
    ...greedy,
    tools,
    input: [
      ...input,
      asked,
      { type: "function_call_output", call_id: asked.call_id, output: "done" },
    ],
  });
  assert.match(end.output_text, /big shell/);
});

test("mistakes become the client's own errors", async () => {
  await assert.rejects(
    client.chat.completions.create({ model: "nano", messages: sum, temperature: "hot" }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "temperature",
  );
  await assert.rejects(
    client.chat.completions.create({ model: "nano", messages: sum, stream: true, top_p: 7 }),
    OpenAI.BadRequestError,
  );
  await assert.rejects(client.get("/no/such/path"), OpenAI.NotFoundError);
});

test("a stream that is aborted frees its slot", async () => {
  const stream = await client.chat.completions.create({
    model: "nano",
    messages: story,
    stream: true,
    max_tokens: 3000,
    ignore_eos: true,
  });
  let chunks = 0;
  for await (const chunk of stream) {
    assert.ok(chunk);
    if (++chunks === 3) {
      await eventually(async () => (await busySlots(server.url)) === 1);
      stream.controller.abort();
    }
  }
  await eventually(async () => (await busySlots(server.url)) === 0);
});

test("a whole reply that is given up frees its slot", async () => {
  const controller = new AbortController();
  const reply = client.chat.completions.create(
    { model: "nano", messages: story, max_tokens: 3000, ignore_eos: true },
    { signal: controller.signal },
  );
  const rejected = assert.rejects(reply, OpenAI.APIUserAbortError);
  await eventually(async () => (await busySlots(server.url)) === 1);
  controller.abort();
  await rejected;
  await eventually(async () => (await busySlots(server.url)) === 0);
});
