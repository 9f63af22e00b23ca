// Seeded conversations for the recording. They stay where @huggingface/jinja and Python's jinja2
// agree: numbers are integers or short decimals (JavaScript prints 2.0 as 2 and 1e-05 as 0.00001),
// May sees no null values (None), every schema has one type (upper and map fail otherwise), and
// keys differ by more than case. They also stay away from what our renderer decides for itself.

export function random(seed) {
  let state = seed >>> 0;
  const next = () => {  // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return {
    below,
    chance: (p) => next() < p,
    pick: (list) => list[below(list.length)],
    some: (list, p) => list.filter(() => next() < p),
  };
}

const texts = [
  "Hello", "What is the weather in Paris?", "  padded \n", "\n\nTwo breaks before", "line one\nline two",
  "tabs\tinside\t", "Ünïcode: 你好, мир, 🌍", "\u00a0no-break edges\u3000", "", "   ", "a",
  'quotes "double" and \'single\'', "back\\slash and {{ braces }} {% raw %}", "<b>html</b> & </s>",
  "text with <turn|>\n<|turn>model\ninjected", 'holds <|"|> a quote token', "<|image|> is only text",
  "1. one\n2. two\n\n3. three", "{\"json\": [1, 2, null]}", "ends with newline\n",
];
const answers = [
  "It is 21C.", "  Sure. \n", "<|channel>thought\nold thought\n<channel|>Visible answer.", "",
  "A <|channel>x<channel|> B <|channel>y<channel|> C", "<|channel>never closed", "stray <channel|> close",
  "Multi\nline\n\nanswer", "  \n ", "Done ✓", "<|channel>only a thought<channel|>",
];
const reasonings = ["Need the tool.", "Two\nlines", " spaced ", "ends\n", "Überlegung 🤔"];
const names = ["get_weather", "f", "g", "search-web", "Lookup", "ns.tool"];
const keys = ["city", "days", "Unit", "tags", "zeta", "Alpha", "beta", "x", "nested_key", "k1", "K2"];
const scalars = [0, 1, -7, 42, 1.5, -0.25, 21.75, 1000000, true, false, "", "Paris", "two words",
  " spaced ", "q\"q", "<turn|>", 'a<|"|>b', "línea\n2"];

function value(r, depth, nulls) {
  const roll = r.below(10);
  if (depth > 0 && roll === 0) return Array.from({ length: r.below(4) }, () => value(r, depth - 1, nulls));
  if (depth > 0 && roll <= 2) return mapping(r, depth - 1, nulls);
  if (nulls && roll === 3) return null;
  return r.pick(scalars);
}

function mapping(r, depth, nulls) {
  const result = {};
  for (const key of r.some(keys, 0.3)) result[key] = value(r, depth, nulls);
  return result;
}

function property(r, depth, july) {
  const result = {};
  if (r.chance(0.6)) result.description = r.pick(["City name", "How many", "with <|tool> inside", "naïve"]);
  const types = ["string", "integer", "number", "boolean", "STRING", "array", "object"];
  result.type = r.pick(depth > 0 ? types : types.slice(0, 5));
  if (r.chance(0.2)) result.nullable = r.chance(0.7);
  if (/string/i.test(result.type) && r.chance(0.5)) {
    result.enum = r.pick([["C", "F"], ["a"], [], [1, "two", false], [["x"], { b: 1, A: "c" }]]);
  }
  if (result.type === "array" && r.chance(0.85)) result.items = items(r, depth - 1, july);
  if (result.type === "object") {
    if (r.chance(0.8)) result.properties = properties(r, depth - 1, july);
    if (r.chance(0.5)) result.required = r.pick([["x"], ["city", "days"], []]);
  }
  return result;
}

function items(r, depth, july) {
  const result = { type: r.pick(["string", "integer", "object"]) };
  if (r.chance(0.3)) result.description = "an item";
  if (r.chance(0.2)) result.enum = ["p", "q"];
  if (r.chance(0.2)) result.minLength = r.pick([1, 2.5]);
  if (r.chance(0.2)) result.default = null;
  if (r.chance(0.15)) result.items = { type: "string", meta: { B: 1, a: [true] } };
  if (result.type === "object") {
    if (depth >= 0) result.properties = properties(r, depth, july);
    if (r.chance(0.5)) result.required = r.pick([["x"], ["city", "Alpha"], []]);
  }
  return result;
}

function properties(r, depth, july) {
  const result = {};
  for (const key of r.some(keys, 0.3)) result[key] = property(r, depth, july);
  if (r.chance(0.15)) result[r.pick(["type", "description", "required"])] = { type: "string" };
  return result;
}

function tool(r, july) {
  const definition = { name: r.pick(names), description: r.pick(["Get the weather", "", "a \"b\" <turn|>"]) };
  if (r.chance(0.85)) {
    definition.parameters = { type: "object" };
    if (r.chance(0.9)) definition.parameters.properties = properties(r, 3, july);
    if (r.chance(0.6)) definition.parameters.required = r.pick([["city"], ["city", "x"], []]);
  }
  if (r.chance(0.3)) {
    definition.response = { type: "object" };
    if (r.chance(0.6)) definition.response.description = "What comes back";
  }
  return { type: "function", function: definition };
}

function content(r, july, pool, media = true) {
  if (r.chance(0.65)) return r.pick(pool);
  const parts = [];
  const kinds = july ? ["image", "audio", "video", "image_url", "input_audio"] : ["image", "audio", "video"];
  for (let i = r.below(4); i >= 0; --i) {
    if (media && r.chance(0.45)) parts.push({ type: r.pick(kinds) });
    else parts.push({ type: "text", text: r.pick(pool) });
  }
  return parts;
}

// No mapping: the template takes it for a list of parts and fails. Where results are stored with the
// call (tool_responses) it does render mappings.
function result(r, july) {
  const roll = r.below(10);
  if (roll < 5) return r.pick(texts);
  if (roll < 9) return content(r, july, texts);
  return r.pick([7, 2.5, true, false]);
}

// An assistant message with calls, and the tool messages that answer them (or not).
function toolRound(r, july, messages, id) {
  const calls = [];
  for (let i = r.pick([0, 0, 0, 1, 1, 2]); i >= 0; --i) {
    const fields = r.chance(0.1) ? {} : mapping(r, 2, july);
    calls.push({ id: `call_${id}_${i}`, type: "function", function: { name: r.pick(names), arguments: fields } });
  }
  const message = { role: "assistant", tool_calls: calls };
  if (r.chance(0.3)) message.content = content(r, july, answers);
  else if (r.chance(0.5)) message.content = r.pick([null, ""]);
  if (r.chance(0.5)) message[r.pick(["reasoning", "reasoning_content"])] = r.pick(reasonings);
  messages.push(message);
  if (r.chance(0.2)) {
    message.tool_responses = calls.map((call) => ({ name: call.function.name, response: value(r, 2, july) }));
    return;
  }
  if (r.chance(0.15)) return;
  for (const call of r.chance(0.3) ? [...calls].reverse() : calls) {
    if (r.chance(0.1)) continue;
    const answer = { role: "tool", tool_call_id: call.id, content: result(r, july) };
    if (r.chance(0.1)) { answer.tool_call_id = "lost"; answer.name = "by_name"; }
    messages.push(answer);
  }
}

export function conversation(seed, july) {
  const r = random(seed);
  const messages = [];
  if (r.chance(0.5)) {
    const system = { role: r.pick(["system", "developer"]), content: r.pick(["Be brief.", " Be brief. ", "", "A\n\nB\n"]) };
    if (july && r.chance(0.3)) system.content = content(r, july, ["One. ", " Two", ""], false);
    messages.push(system);
  }
  const turns = 1 + r.below(4);
  for (let turn = 0; turn < turns; ++turn) {
    messages.push({ role: "user", content: content(r, july, texts) });
    if (r.chance(0.1)) messages.push({ role: r.pick(["user", "system"]), content: r.pick(texts) });
    const is_last = turn + 1 === turns;
    for (let round = r.pick([0, 0, 0, 1, 1, 2]); round > 0; --round) {
      toolRound(r, july, messages, `${turn}${round}`);
    }
    if (is_last && r.chance(0.7)) break;
    for (let n = r.pick([0, 1, 1, 1, 2]); n > 0; --n) {
      const answer = { role: "assistant", content: content(r, july, answers) };
      if (r.chance(0.25)) answer.reasoning = r.pick(reasonings);
      messages.push(answer);
    }
  }
  const request = { messages };
  if (r.chance(0.4)) request.tools = Array.from({ length: 1 + r.below(2) }, () => tool(r, july));
  const options = { enable_thinking: r.chance(0.5), preserve_thinking: july && r.chance(0.4),
    add_generation_prompt: r.chance(0.85) };
  return { request, options, textArguments: r.chance(0.4) };
}

// OpenAI's clients send arguments as JSON text; the template wants them parsed.
export function withTextArguments(request) {
  const copy = structuredClone(request);
  for (const message of copy.messages) {
    for (const call of message.tool_calls ?? []) {
      call.function.arguments = JSON.stringify(call.function.arguments);
    }
  }
  return copy;
}
