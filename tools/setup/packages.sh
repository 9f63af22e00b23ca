# shellcheck shell=bash
# Shell functions that install what packages.txt lists. Sourced by ./run and ./check.
#
#   ensure_packages STAGE...   installs what is missing for these stages, or says what is and stops

setup_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Prints the alternatives of every package of the stages that no command stands in for.
wanted_packages() { # STAGE...
  local stage package command wanted
  while read -r stage package command; do
    case $stage in '' | '#'*) continue ;; esac
    for wanted in "$@"; do
      [ "$stage" = "$wanted" ] || continue
      if [ -n "$command" ] && command -v "$command" >/dev/null; then continue; fi
      echo "$package"
    done
  done <"$setup_folder/packages.txt"
}

installed_version() { # NAME
  dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null | sed -n 's/^ii //p'
}

candidate_version() { # NAME
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n '/(none)/!s/^  Candidate: //p'
}

# Whether a version is there and at least the one asked for.
version_serves() { # FOUND WANTED
  [ -n "$1" ] && { [ -z "$2" ] || dpkg --compare-versions "$1" ge "$2"; }
}

# Prints the package to install for a list of alternatives; nothing when one is installed.
missing_package() { # ALTERNATIVES
  local alternative name version
  local -a alternatives
  IFS='|' read -r -a alternatives <<<"$1"
  for alternative in "${alternatives[@]}"; do
    name=${alternative%%>=*}
    version=${alternative#"$name"}
    if version_serves "$(installed_version "$name")" "${version#>=}"; then return; fi
  done
  for alternative in "${alternatives[@]}"; do
    name=${alternative%%>=*}
    version=${alternative#"$name"}
    if version_serves "$(candidate_version "$name")" "${version#>=}"; then
      echo "$name"
      return
    fi
  done
  echo "${alternatives[0]%%>=*}"
}

missing_packages() { # STAGE...
  local alternatives
  wanted_packages "$@" | while read -r alternatives; do missing_package "$alternatives"; done
}

# Runs a command as root: as we are, or through sudo. Fails where there is no way.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null; then
    return 1
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

ensure_packages() { # STAGE...
  local missing
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    missing=$(wanted_packages "$@")
    [ -n "$missing" ] || return 0
    echo "There is no apt-get here; these, or their like, are taken to be installed:" >&2
    echo "$missing" >&2
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0

  echo "Installing: $(echo "$missing" | tr '\n' ' ')"
  # The package lists first: they say which alternatives this distribution has.
  if as_root apt-get update -q >/dev/null; then
    missing=$(missing_packages "$@")
    # shellcheck disable=SC2086  # one word per package
    if as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -q --no-install-recommends $missing >/dev/null; then
      return 0
    fi
  fi
  echo "These packages are missing and could not be installed from here; as root, run:" >&2
  echo "  apt-get update && apt-get install $(echo "$missing" | tr '\n' ' ')" >&2
  return 1
}
