#!/bin/sh
# Trains nano:  stages.sh WORK RESULTS STAGE [MINUTES]
#   STAGE: tokens | data | target | assistant | sample | all | smoke
#   MINUTES: of this stage; for `all`: "target assistant", two numbers
# WORK keeps everything between the stages; RESULTS gets the few files to bring home.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 3 ] || { sed -n 2,5p "$0" >&2; exit 2; }
mkdir -p "$1" "$2"
work=$(cd "$1" && pwd) results=$(cd "$2" && pwd) stage=$3
shift 3
# What one stage or the smoke run has compiled, the next need not compile again.
export TORCHINDUCTOR_CACHE_DIR="$work/compiled" TORCHINDUCTOR_FX_GRAPH_CACHE=1
dialogues=40000 tokens=200000000 tests=100000

run() { echo "== $*" >&2; (cd "$here" && python3 -u "$@"); }
tokens() { run tokens.py "$work" --dialogues "$dialogues"; }
data() { run data.py "$work" --tokens "$tokens" --minutes "${1:-1.5}"; }
target() { run train_target.py "$work" "$work/target" --minutes "$1"; }
assistant() { run train_assistant.py "$work" "$work/target" "$work/assistant" --minutes "$1"; }
sample() { run sample.py "$work" "$work/sample" --minutes "${1:-2}" --tests "$tests"; }

# At most eight files: the vocabulary, the target's parts, the drafter's, what was measured.
bring() {
  cp "$work/tokenizer.json" "$results/"
  for part in target assistant; do
    [ -d "$work/$part" ] || continue
    for file in "$work/$part"/part-*.safetensors; do
      cp "$file" "$results/$part-$(basename "$file")"
    done
  done
  [ ! -d "$work/sample" ] || cp "$work/sample"/* "$results/"
  find "$results" -type f | wc -l >&2
}

case $stage in
  tokens | data | target | assistant | sample) "$stage" "$@" ;;
  all) tokens; data; target "$1"; assistant "$2"; sample ;;
  smoke)
    dialogues=3000 tokens=6000000 tests=64
    tokens; data 0.2; target 0.1; assistant 0.1; sample 0.3
    ;;
  *) echo "no stage $stage" >&2; exit 2 ;;
esac
bring
