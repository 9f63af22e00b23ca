#!/bin/sh
# Sets up the peer: Debian unstable with its llama.cpp packages in a folder of its own.
#
#   bench/peers/llama_cpp.sh FOLDER
#
# Needs root and debootstrap. A folder that has it already is left as it is. Ends with the version.
set -eu
folder=${1:?say which folder to set it up in}
packages="llama.cpp-tools llama.cpp-tools-extra"
# A mirror that is a while old is as good as a fresh one here.
apt="apt-get -o Acquire::Check-Valid-Until=false -y"

if [ ! -x "$folder/usr/bin/apt-get" ]; then
  debootstrap --variant=minbase sid "$folder" http://deb.debian.org/debian
fi
if [ ! -x "$folder/usr/bin/llama-bench" ]; then
  cp /etc/resolv.conf "$folder/etc/resolv.conf"
  chroot "$folder" sh -c "$apt update"
  install="$apt --no-install-recommends install $packages"
  chroot "$folder" sh -c "DEBIAN_FRONTEND=noninteractive $install"
fi
chroot "$folder" dpkg-query -W -f '${Package} ${Version}\n' llama.cpp-tools libggml0
