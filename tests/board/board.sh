# A board: board.sh ROOT FOLDER, the first process of its namespaces. Its root is ROOT under a file
# system of its own in memory.
#
# FOLDER: hostkey, authorized_keys, shadow, boot_id; hostkey-cert.pub, sshd.options, tmp.options and
# meminfo where they are there.
set -eu
folder=$2
until ip link show link1 >/dev/null 2>&1; do sleep 0.01; done
ip link set lo up
ip address add 10.77.0.2/24 dev link1
ip link set link1 up
hostname board

mount -t tmpfs tmpfs "$folder/disk"
mkdir "$folder/disk/upper" "$folder/disk/work" "$folder/disk/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$folder/disk/upper,workdir=$folder/disk/work" \
  "$folder/disk/root"
root=$folder/disk/root
mount -t proc proc "$root/proc"
# The clock rates of the machine below are none of the board's business.
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o "$(cat "$folder/tmp.options" 2>/dev/null || echo mode=1777)" tmpfs "$root/tmp"
mount --bind "$folder/boot_id" "$root/proc/sys/kernel/random/boot_id"
# The emulator shows the processor below; this is the one it emulates, as far as a phone has it.
for processor in $(seq 0 $(($(nproc) - 1))); do
  printf '%s\n' "processor : $processor" \
    "Features : fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp" \
    "CPU implementer : 0x00" "CPU architecture: 8" "CPU variant : 0x0" "CPU part : 0x051" "CPU revision : 0" ""
done >"$folder/cpuinfo"
mount --bind "$folder/cpuinfo" "$root/proc/cpuinfo"
[ ! -e "$folder/meminfo" ] || mount --bind "$folder/meminfo" "$root/proc/meminfo"

mkdir -p "$root/root/.ssh" "$root/run/sshd" "$root/data/local/tmp"
chown 2000:2000 "$root/data/local/tmp"
install -m 600 "$folder/hostkey" "$root/etc/ssh/hostkey"
install -m 600 "$folder/authorized_keys" "$root/root/.ssh/authorized_keys"
install -m 600 "$folder/shadow" "$root/etc/shadow"
# With SVE the emulator clears wide vector registers with AVX at nearly every operation. On Intel's
# processors each multiply-add after that waits for a change between AVX and SSE: a network takes ten
# times as long.
export QEMU_CPU=max,sve=off
options=()
if [ -e "$folder/hostkey-cert.pub" ]; then
  install -m 644 "$folder/hostkey-cert.pub" "$root/etc/ssh/hostkey-cert.pub"
  options+=(-o HostCertificate=/etc/ssh/hostkey-cert.pub)
fi
# One option a line. Of two values the first counts.
[ ! -e "$folder/sshd.options" ] || while read -r option; do options+=(-o "$option"); done <"$folder/sshd.options"
chroot "$root" /usr/sbin/sshd -D -e -f /dev/null -h /etc/ssh/hostkey "${options[@]}" -o PermitRootLogin=yes \
  -o UsePAM=no -o StrictModes=no -o MaxAuthTries=6 -o "SetEnv=QEMU_CPU=$QEMU_CPU" &
wait
