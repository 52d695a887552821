#!/usr/bin/env bash
# Builds the ARM64 userland of the test board: build.sh FOLDER. As root, once.
#
# Every step may be interrupted and is done again; FOLDER/root is there only when it is whole.
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")

missing=()
for need in mmdebstrap:mmdebstrap qemu-aarch64-static:qemu-user-static arch-test:arch-test \
  ssh-keygen:openssh-client ip:iproute2 nsenter:util-linux; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi

# The kernel runs ARM64 programs by the emulator; "F" opens it now, so that it is found in a chroot.
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
[ -e $binfmt/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register

[ -d "$folder/root" ] && exit 0
rm -rf "$folder/part"
mmdebstrap --arch=arm64 --variant=minbase --include=openssh-server,iproute2,procps \
  bookworm "$folder/part"
rm -rf "$folder"/part/var/cache/apt "$folder"/part/var/lib/apt/lists "$folder"/part/etc/ssh/ssh_host_*
mkdir -p "$folder/part/data/local/tmp" "$folder/part/run/sshd"
mv "$folder/part" "$folder/root"
