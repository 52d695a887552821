# The network that a board stands in: site.sh ROOT FOLDER, in namespaces of its own, as their first
# process. It does what its input says, line by line, and ends with it, and with it all that it
# started.
#
#   boot      starts the board      halt    ends its processes as a power cut does
#   down, up  the board's link
set -u
root=$1 folder=$2
board=
# Nothing in here has a way out: what is meant for the board goes there or nowhere.
ip link set lo up

halt() {
  [ -n "$board" ] || return 0
  kill -KILL "$board"
  wait "$board" 2>/dev/null
  board=
  # The link goes with the board's namespace, a moment later.
  while ip link show link0 >/dev/null 2>&1; do ip link del link0 2>/dev/null; sleep 0.02; done
}

boot() {
  halt
  cat /proc/sys/kernel/random/uuid >"$folder/boot_id"
  unshare --net --mount --uts --pid --fork --kill-child=KILL --mount-proc \
    bash "${0%/*}/board.sh" "$root" "$folder" </dev/null >>"$folder/log" 2>&1 &
  board=$!
  # The board waits for its end of the link, which tells that it has a network of its own.
  until [ "$(readlink /proc/$board/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
  ip link add link0 type veth peer name link1 netns "$board"
  ip address add 10.77.0.1/24 dev link0
  ip link set link0 up
  until (exec 3<>/dev/tcp/10.77.0.2/22) 2>/dev/null; do
    kill -0 "$board" 2>/dev/null || { echo "the board did not start"; return; }
    sleep 0.05
  done
}

while read -r line; do
  case $line in
    boot) boot ;;
    halt) halt ;;
    down | up) nsenter --net=/proc/$board/ns/net ip link set link1 "$line" ;;
  esac >&2
  echo "$line"
done
