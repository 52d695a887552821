# Reports what this device is, and makes a folder for the agent. $1: where, or "any" for a usual place.
umask 077
# The login shell may have printed something without a line feed at its end.
echo
say() { echo "pearl:$1=$2"; }
say machine "$(uname -m)"
user=$(id -u)
consider() {
  case $1 in /*) ;; *) return 1 ;; esac
  own=${1%/}/pearl-$user
  if ! [ -d "$1" ]; then say refused "$1 does not exist"; return 1; fi
  case $own in *[!A-Za-z0-9_./-]*) say refused "$1 has an unusual name"; return 1 ;; esac
  if ! mkdir "$own" 2>/dev/null && ! [ -d "$own" ]; then
    say refused "$1 cannot be written"; return 1
  fi
  # A folder of that name that another user owns would let that user swap the agent.
  set -- "$1" $(ls -ldn "$own")
  case $2/$4 in
    drwx------*/"$user") ;;
    *) say refused "$own is not this user's alone"; return 1 ;;
  esac
  test=$own/test-$$
  # A file without an interpreter's line: the kernel refuses it on a noexec mount, else the shell
  # runs it.
  if ! { echo 'exit 0' >"$test"; } 2>/dev/null || ! chmod 700 "$test" 2>/dev/null; then
    rm -f "$test"; rmdir "$own" 2>/dev/null
    say refused "$1 cannot be written"; return 1
  fi
  if ! "$test" 2>/dev/null; then
    rm -f "$test"; rmdir "$own" 2>/dev/null
    say refused "$1 runs no programs (noexec)"; return 1
  fi
  rm -f "$test"
  say folder "$own"
  # Remove parts of uploads that were cut off; leave uploads alone that are running.
  find "$own" -name 'part-*' -mmin +60 -exec rm -f {} + 2>/dev/null
  for file in "$own"/agent-*; do
    [ -s "$file" ] && [ -x "$file" ] && say has "${file##*/}"
  done
  return 0
}
if [ "$1" != any ]; then
  consider "$1"
else
  for place in "$TMPDIR" /tmp /data/local/tmp "$HOME"; do
    [ -n "$place" ] && consider "$place" && break
  done
fi
say end 0
exit 0
