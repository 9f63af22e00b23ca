"""Makes Hugging Face folders, target/ and assistant/, of trained parts for `outrider convert`."""

import argparse
import json
import pathlib
import shutil

import config as c
from tokens import tokenizer_config

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
    import torch

    layers = c.LAYERS if part == "target" else c.ASSISTANT_LAYERS
    return {f"model.layers.{i}.layer_scalar": torch.ones(1).bfloat16() for i in range(len(layers))}


def export(parts, tokenizer, part, out):
    from safetensors.torch import load_file, save_file

    out.mkdir(parents=True, exist_ok=True)
    tensors = layer_scalars(part)
    for path in sorted(parts.glob("part-*.safetensors")):
        tensors |= load_file(str(path))
    save_file(tensors, str(out / "model.safetensors"), metadata={"format": "pt"})
    shutil.copy(tokenizer / "tokenizer.json", out)
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
    parser.add_argument("work", type=pathlib.Path, help="has tokenizer.json and the parts' folders")
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    for part in ("target", "assistant"):
        export(arguments.work / part, arguments.work, part, arguments.out / part)


if __name__ == "__main__":
    main()
