"""Makes Hugging Face folders, target/ and assistant/, of trained parts for `outrider convert`.

Plain Python: whoever ships the pair needs nothing that training needs.
"""

import argparse
import json
import pathlib
import shutil
import struct

import config as c
import tensor_file
from vocabulary import tokenizer_config

# For other programs too: plain conversations only. That it names preserve_thinking (July) and
# closes an empty thought when thinking is off (the large models) tells our reader what it is.
TEMPLATE = """{{- bos_token -}}
{%- set preserve_thinking = preserve_thinking | default(false) -%}
{%- set thinks = enable_thinking | default(false) -%}
{%- if thinks and (not messages or messages[0]['role'] != 'system') -%}
{{- '<|turn>system\\n<|think|>\\n<turn|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
{{- '<|turn>' + role + '\\n' -}}
{%- if thinks and loop.first and role == 'system' -%}{{- '<|think|>\\n' -}}{%- endif -%}
{{- message['content'] | trim + '<turn|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|turn>model\\n' -}}
{%- if not thinks -%}{{- '<|channel>thought\\n<channel|>' -}}{%- endif -%}
{%- endif -%}
"""
STOPS = [1, 106, 50]  # <eos>, <turn|>, <|tool_response>


def configuration(part):
    if part == "target":
        kind = {"architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text"}
        return c.target_config() | kind | {"dtype": "bfloat16"}
    settings = c.assistant_config()
    settings["text_config"]["model_type"] = "gemma4_text"
    kind = {"architectures": ["Gemma4AssistantForCausalLM"], "model_type": "gemma4_assistant"}
    return settings | kind | {"dtype": "bfloat16"}


def layer_scalars(part):
    """Buffers of the classes that training leaves at one and a file has to name."""
    layers = c.LAYERS if part == "target" else c.ASSISTANT_LAYERS
    one = struct.pack("<f", 1.0)[2:]  # a bfloat16 is the upper half of a float32
    return {f"model.layers.{i}.layer_scalar": ("BF16", (1,), one) for i in range(len(layers))}


def parts_of(results, part):
    """The files of a part in order; exits if one of those that the names promise is missing."""
    paths = sorted(results.glob(f"{part}-part-*-of-*.safetensors"))
    if not paths:
        raise SystemExit(f"{results} has no {part}-part-*.safetensors")
    count = int(paths[0].stem.rpartition("-")[2])
    names = [f"{part}-part-{i:05}-of-{count:05}.safetensors" for i in range(1, count + 1)]
    if [path.name for path in paths] != names:
        raise SystemExit(f"{results} should have {', '.join(names)} and no other {part}-part")
    return paths


def export(results, part, out):
    out.mkdir(parents=True, exist_ok=True)
    tensors = layer_scalars(part)
    for path in parts_of(results, part):
        tensors |= tensor_file.read(path)
    tensor_file.write(out / "model.safetensors", tensors)
    shutil.copy(results / "tokenizer.json", out)
    texts = {
        "config.json": configuration(part),
        "tokenizer_config.json": tokenizer_config(),
        "generation_config.json": {"bos_token_id": 2, "eos_token_id": STOPS, "pad_token_id": 0},
    }
    for name, content in texts.items():
        (out / name).write_text(json.dumps(content, indent=1) + "\n")
    (out / "chat_template.jinja").write_text(TEMPLATE)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path, help="what `stages.sh` brought home")
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    for part in ("target", "assistant"):
        export(arguments.results, part, arguments.out / part)


if __name__ == "__main__":
    main()
