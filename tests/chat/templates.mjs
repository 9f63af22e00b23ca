// Google's May template of the large models, and the three others derived from it: the small family
// lacks one branch, July changes the branches listed here.
import { readFileSync } from "node:fs";

const source = new URL("../golden/templates/gemma-4-31B-it.may2026.jinja", import.meta.url);

// Replaces what must occur exactly `times` times, so that a changed template cannot go unnoticed.
function replace(text, from, to, times = 1) {
  const pieces = text.split(from);
  if (pieces.length !== times + 1) {
    throw new Error(`expected ${times} of ${JSON.stringify(from)}, found ${pieces.length - 1}`);
  }
  return pieces.join(to);
}

function small(template) {
  return replace(
    template,
    `        {%- if not enable_thinking | default(false) -%}
            {{- '<|channel>thought\\n<channel|>' -}}
        {%- endif -%}
`,
    "",
  );
}

// Properties may be called "type" or "description"; the words of the schema are skipped only where
// a schema without properties stands in for them.
function julyProperties(t) {
  t = replace(t, "format_parameters(properties, required) -%}",
    "format_parameters(properties, required, skip_words=false) -%}");
  t = replace(t, "{%- if key not in standard_keys -%}",
    "{%- if not (skip_words and key in standard_keys) -%}");
  return replace(t, "format_parameters(value, value['required'] | default([]))",
    "format_parameters(value, value['required'] | default([]), skip_words=true)");
}

function julyValues(t) {
  return replace(t, "    {%- if argument is string -%}",
    "    {%- if argument is none -%}{{- 'null' -}}{%- elif argument is string -%}");
}

function julySystem(t) {
  return replace(t, "{{- messages[0]['content'] | trim -}}",
    `{%- if messages[0]['content'] is string -%}
            {{- messages[0]['content'] | trim -}}
        {%- else -%}
            {%- for part in messages[0]['content'] -%}{{- (part['text'] | trim) + ' ' -}}{%- endfor -%}
        {%- endif -%}`);
}

function julyReasoning(t) {
  return replace(t, "{%- if thinking_text and loop.index0 > ns_turn.last_user_idx and message.get('tool_calls') -%}",
    "{%- if thinking_text and (loop.index0 > ns_turn.last_user_idx or (preserve_thinking and message.get('tool_calls'))) -%}");
}

const media = (type) => `{%- if ${type} in ['image', 'image_url'] -%}{{- '<|image|>' -}}
                    {%- elif ${type} in ['audio', 'input_audio'] -%}{{- '<|audio|>' -}}
                    {%- elif ${type} == 'video' -%}{{- '<|video|>' -}}{%- endif -%}`;

function julyResults(t) {
  t = replace(t, "follow.get('name') | default('unknown')", "follow.get('name') or 'unknown'");
  const block = "{{- format_tool_response_block(ns_tname.name, ns_txt.s) -}}";
  return replace(t, block,
    `${block}{%- for part in tool_body -%}${media("part.get('type')")}{%- endfor -%}`);
}

// Content is captured so that it can be asked for emptiness after stripping, and media no longer
// count as what a message ended with.
function julyContent(t) {
  for (const kind of ["image", "audio", "video"]) {
    t = replace(t, `                        {%- set ns.prev_message_type = '${kind}' -%}\n`, "");
    const other = kind === "image" ? "'image_url'" : kind === "audio" ? "'input_audio'" : "'video'";
    t = replace(t, `item['type'] == '${kind}'`, `item['type'] in ['${kind}', ${other}]`);
  }
  return replace(t, "            {%- if message['content'] is string -%}",
    "            {%- set body -%}\n            {%- if message['content'] is string -%}");
}

function julyEnd(t) {
  const pending = "        {%- if ns.prev_message_type == 'tool_call' and not ns_tr_out.flag -%}";
  t = replace(t, pending, `            {%- endset -%}
        {{- body -}}
        {%- set after = namespace(role=none, found=false) -%}
        {%- for k in range(loop.index0 + 1, loop_messages | length) -%}
            {%- if not after.found and loop_messages[k]['role'] != 'tool' -%}
                {%- set after.role = loop_messages[k]['role'] -%}
                {%- set after.found = true -%}
            {%- endif -%}
        {%- endfor -%}
${pending}`);
  t = replace(t, "{%- elif not (ns_tr_out.flag and not message.get('content')) -%}",
    `{%- elif role == 'model' and after.role == 'assistant' -%}
        {%- elif not (ns_tr_out.flag and body | trim | length == 0 and not after.found) -%}`);
  return replace(t, `
        {%- endif -%}
    {%- endif -%}
{%- endif -%}
`, `
        {%- endif -%}
    {%- elif ns.prev_message_type == 'tool_response' and enable_thinking -%}
        {{- '<|channel>thought\\n' -}}
    {%- endif -%}
{%- endif -%}
`);
}

function july(template) {
  return [julyProperties, julyValues, julySystem, julyReasoning, julyResults, julyContent, julyEnd]
    .reduce((text, patch) => patch(text), template);
}

const mayLarge = readFileSync(source, "utf8");
const julyLarge = july(mayLarge);
export const templates = {
  may_large: mayLarge,
  may_small: small(mayLarge),
  july_large: julyLarge,
  july_small: small(julyLarge),
};
