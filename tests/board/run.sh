#!/usr/bin/env bash
# Runs a command beside a board that is started for it: run.sh BOARD COMMAND…, as root. BOARD is the
# folder that build.sh made; the command finds the device `board` in $PEARL_BOARD/devices.toml, and a
# home that knows the board's host key.
#
# The command and the board share namespaces of their own, which end with this script.
set -euo pipefail
root=$(realpath "$1/root") && shift
here=$(realpath "${0%/*}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir -p "$folder/disk" "$folder/home/.ssh"
for key in hostkey home/.ssh/board; do ssh-keygen -q -t ed25519 -N "" -f "$folder/$key"; done
cp "$folder/home/.ssh/board.pub" "$folder/authorized_keys"
echo "root:*:19000:0:99999:7:::" >"$folder/shadow"
echo "10.77.0.2 $(cat "$folder/hostkey.pub")" >"$folder/home/.ssh/known_hosts"
cat >"$folder/devices.toml" <<END
[device.board]
transport = "ssh"
host = "10.77.0.2"
user = "root"
identity = "$folder/home/.ssh/board"
END

mkfifo "$folder/orders" "$folder/answers"
unshare --net --mount --pid --fork --kill-child=KILL --mount-proc \
  bash "$here/site.sh" "$root" "$folder" <"$folder/orders" >"$folder/answers" 2>"$folder/site.log" &
site=$!
exec 3>"$folder/orders" 4<"$folder/answers"
echo boot >&3
read -r -t 120 answer <&4 && [ "$answer" = boot ] || { cat "$folder/site.log" "$folder/log" >&2; exit 1; }
status=0
PEARL_BOARD=$folder HOME=$folder/home USER=${USER:-root} \
  nsenter --net="/proc/$site/ns/net" -- "$@" || status=$?
# Its first process reads until here, and all others end with it.
exec 3>&-
wait "$site" || true
exit "$status"
