# Gives an uploaded agent its name. $1: folder, $2: the part, $3: its SHA-256, $4: its bytes.
umask 077
echo
say() { echo "pearl:$1=$2"; }
cd "$1" || exit 1
refuse() { rm -f "$2"; say refused "$1"; say end 0; exit 0; }
[ -f "$2" ] || refuse "it did not arrive" "$2"
bytes=$(wc -c <"$2" | tr -d ' ')
[ "$bytes" = "$4" ] || refuse "$bytes of $4 bytes arrived" "$2"
sum=$(sha256sum "$2" 2>/dev/null) && sum=${sum%% *} &&
  { [ "$sum" = "$3" ] || refuse "other bytes arrived than were sent" "$2"; }
# A name that outlives a power cut must not outlive its bytes.
sync "$2" 2>/dev/null || sync
chmod 700 "$2" && mv -f "$2" "agent-$3" || refuse "it cannot be renamed" "$2"
# Other hosts have other agents, and come again: of all agents the four that were used last stay. A running
# agent keeps its file until it ends.
for file in $(ls -t agent-* | tail -n +5); do
  [ "$file" = "agent-$3" ] || rm -f "$file"
done
say settled "agent-$3"
say end 0
exit 0
