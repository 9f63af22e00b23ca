#!/usr/bin/env bash
# Fetches what an Arm build links with, from this machine's Debian mirrors, into build/arm-sysroot:
# the libraries that packages.txt lists for building, for arm64, with all they depend on. apt keeps
# its lists and its state below build/arm-apt; the system's own know nothing of this, and no foreign
# architecture is added to them. Debian 12 or later; needs no root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup/packages.sh
. tools/setup/packages.sh

apt=$PWD/build/arm-apt
sysroot=$PWD/build/arm-sysroot

# The system's settings (mirrors, keys, proxies), but nothing that hooks into its own updates.
write_configuration() {
  mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial
  : >"$apt/state/status"
  cat >"$apt/apt.conf" <<END
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "arm64";
APT::Architectures "arm64";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Dir::State "$apt/state";
Dir::State::status "$apt/state/status";
Dir::Cache "$apt/cache";
END
}

# What packages.sh asks about packages is answered for arm64, where nothing is installed.
apt-cache() {
  command apt-cache -c "$apt/apt.conf" "$@"
}
apt-get() {
  command apt-get -q -c "$apt/apt.conf" "$@"
}
installed_version() { # NAME
  :
}

# One tree with /lib inside /usr, whichever of the two a package uses.
extract() {
  local deb
  rm -rf "$sysroot"
  mkdir -p "$sysroot/usr/lib"
  ln -s usr/lib "$sysroot/lib"
  for deb in "$apt"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$sysroot" --keep-directory-symlink --exclude=./usr/share/doc --exclude=./etc
  done
}

write_configuration
apt-get update
libraries=$(missing_packages build | grep '^lib')
compiler=$(aarch64-linux-gnu-g++ -dumpversion)
# shellcheck disable=SC2086  # one word per package
apt-get install -y --download-only $libraries libc6-dev "libstdc++-${compiler%%.*}-dev"
apt-get autoclean
wanted=$(cd "$apt/cache/archives" && ls -- *.deb)
if [ "$wanted" != "$(cat "$sysroot/contents" 2>/dev/null)" ]; then
  extract
  echo "$wanted" >"$sysroot/contents"
fi
