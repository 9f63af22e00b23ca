#!/bin/sh
# Makes the pair that Outrider comes with:  ship.sh RESULTS [OUT [TESTS]]
#   RESULTS: the folder that `stages.sh` filled
#   OUT: gets target.gguf, assistant.gguf and README.md with their figures; models/nano unless given
#   TESTS: ask so many of the questions only, to try the way
# Exits 1 without writing anything if the files are not what was trained, and after writing if the
# pair misses what it has to reach. OUTRIDER names the program, else the release build is used.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -ge 1 ] && [ -d "$1" ] || { sed -n 2,8p "$0" >&2; exit 2; }
results=$(cd "$1" && pwd)
out=${2:-$root/models/nano}
tests=${3:-100000}
outrider=${OUTRIDER:-$root/build/release/src/app/outrider}
limit_bytes=16000000

for file in tokenizer.json golden.safetensors replies.jsonl report.txt; do
  [ -f "$results/$file" ] || { echo "$results has no $file" >&2; exit 1; }
done
[ -x "$outrider" ] || { echo "$outrider is not built: cmake --build --preset release" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { echo "== $*" >&2; }

step "Hugging Face folders of the parts"
python3 "$here/export.py" "$results" "$work/hf"

step "float32 files, against the reference of training"
for part in target assistant; do
  "$outrider" convert --quiet --type F32 "$work/hf/$part" -o "$work/$part.gguf"
done
cp "$results/golden.safetensors" "$work"
"$outrider" verify "$work" --tolerance 1e-3 >"$work/verified" || {
  cat "$work/verified" >&2
  exit 1
}
cat "$work/verified"

step "the pair: Q4_0 with its embeddings in Q8_0, as training rounds them, and Q8_0"
mkdir "$work/pair"
"$outrider" quantize --quiet --token-embedding-type Q8_0 "$work/target.gguf" \
  "$work/pair/target.gguf" Q4_0
"$outrider" quantize --quiet "$work/assistant.gguf" "$work/pair/assistant.gguf" Q8_0
"$outrider" quantize --quiet "$work/target.gguf" "$work/wide.gguf" F16
bytes=$(cat "$work/pair/target.gguf" "$work/pair/assistant.gguf" | wc -c)
[ "$bytes" -le "$limit_bytes" ] || {
  echo "the pair takes $bytes bytes, at most $limit_bytes" >&2
  exit 1
}
mkdir -p "$out"
cp "$work/pair/target.gguf" "$work/pair/assistant.gguf" "$out"
step "$bytes bytes in $out; now every held-out question"

status=0
python3 "$here/evaluate.py" --program "$outrider" \
  -m "$out/target.gguf" --mtp-head "$out/assistant.gguf" --against "$work/wide.gguf" \
  --recorded "$results/replies.jsonl" --tests "$tests" >"$work/figures" || status=$?
cat "$work/figures"
{
  echo "# Nano"
  echo
  echo "The pair that Outrider takes when no model is named: a Gemma 4 of 21 million weights and"
  echo "its MTP assistant, trained from text of our own by \`tools/nano\`. $bytes bytes together."
  echo
  echo "Float32 files against transformers' own classes:"
  echo
  sed 's/^/    /' "$work/verified"
  echo
  echo "These files (Q4_0 and Q8_0) on the held-out questions, through \`outrider generate\`:"
  echo
  sed 's/^/    /' "$work/figures"
  echo
  echo "The same where it was trained, in PyTorch:"
  echo
  sed 's/^/    /' "$results/report.txt"
} | sed 's/ *$//' >"$out/README.md"
exit "$status"
