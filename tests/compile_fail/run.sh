#!/bin/sh
# Checks programs that must not compile. A case keeps its lawful neighbour under LAWFUL, so that a
# case is never rejected for a reason of its own, such as a header that moved.
#
#   run.sh control GXX SOURCE_DIRECTORY WORK [CLANGXX]   every lawful neighbour compiles
#   run.sh CASE GXX SOURCE_DIRECTORY WORK [CLANGXX]      CASE is rejected, by g++ for its reason
#
# The control leaves the headers of all cases in folder WORK, precompiled, for the cases.
set -eu
export LC_ALL=C
name=$1
compiler=$2
source=$3
work=$4
clang=${5:-}
here=$source/tests/compile_fail
out=$(mktemp -d)
ready=
trap 'rm -rf "$out"' EXIT

run() { # COMPILER ARGUMENT...
  "$@" -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I "$source/src" \
    2>"$out/messages"
}
# With the precompiled headers where there are some: g++ takes NAME.gch for NAME.
compiles() { # COMPILER ARGUMENT...
  if [ -n "$clang" ] && [ "$1" = "$clang" ]; then
    run "$@" -fsyntax-only ${ready:+-include-pch "$work/headers.pch"}
  else
    run "$@" -fsyntax-only ${ready:+-include "$work/headers.h"}
  fi
}
fail() {
  echo "$name: $1"
  cat "$out/messages"
  exit 1
}

if [ "$name" = control ]; then
  : >"$out/control.cc"
  for path in "$here"/*.cc; do
    case=$(basename "$path" .cc)
    grep -q "^$case: " "$here/EXPECTED" || {
      echo "$case is missing from EXPECTED"
      exit 1
    }
    echo "#include \"$path\"" >>"$out/control.cc"
  done
  for each in "$compiler" $clang; do
    compiles "$each" -DLAWFUL "$out/control.cc" || fail "a lawful neighbour does not compile"
  done
  mkdir -p "$work"
  sed -n '/^#include "/p' "$here"/*.cc | sort -u >"$work/headers.h"
  run "$compiler" -x c++-header "$work/headers.h" -o "$work/headers.h.gch" || fail "no headers"
  [ -z "$clang" ] || run "$clang" -x c++-header "$work/headers.h" -o "$work/headers.pch" ||
    fail "no headers for clang++"
  exit 0
fi
ready=yes

want=$(sed -n "s/^$name: //p" "$here/EXPECTED")
if compiles "$compiler" "$here/$name.cc"; then fail "compiles and must not"; fi
grep -qF "$want" "$out/messages" || fail "rejected for another reason than '$want'"
# The right program must be the one that fails: no include may be what broke.
if grep -q 'No such file' "$out/messages"; then fail "a header is missing"; fi
if [ -n "$clang" ] && compiles "$clang" "$here/$name.cc"; then fail "clang++ compiles it"; fi
