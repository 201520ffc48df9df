
# --- what this machine must have -------------------------------------------------------------------------------------

qemu=${QEMU:-qemu-system-x86_64}
# For QEMU itself beside the guest's memory, and for what the appliance writes in its first days.
qemu_memory_mib=300
disk_growth_mib=3072

check_machine() {
  [ "$(uname -m)" = x86_64 ] ||
    problem "The appliance is for x86-64 processors, this machine is $(uname -m). Take another machine."
  [ "$engine" = libvirt ] || has "$qemu" ||
    problem "Could not find $qemu. Install it (Debian, Ubuntu: apt install qemu-system-x86; Fedora: dnf install qemu-kvm), or name it: QEMU=/path/to/qemu run-evc.sh"
  check_disk
  check_memory
}

check_disk() {
  if [ ! -f "$disk" ]; then problem "Could not find $disk: run-evc.sh and the disk belong in one folder."
  elif [ ! -r "$disk" ]; then problem "Could not read $disk: permission denied. Make it readable: chmod u+r '$disk'"
  elif [ "$snapshot" = no ] && [ ! -w "$disk" ]; then
    problem "Could not write to $disk, and the appliance keeps its state there. Make it writable, or start with --snapshot."
  else
    free=$(df -Pm -- "$disk" | awk 'NR == 2 { print $4 }')
    [ "${free:-0}" -ge "$disk_growth_mib" ] || [ "$snapshot" = yes ] ||
      problem "The disk grows while it is used: $disk_growth_mib MiB should be free in $here, $free MiB are. Free some, or move the folder."
  fi
}

check_memory() {
  available=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  [ "${available:-0}" -ge $((memory + qemu_memory_mib)) ] ||
    problem "The appliance needs $((memory + qemu_memory_mib)) MiB of memory, $available MiB are free. Close something, or try less: --memory $((available > 1500 ? available - qemu_memory_mib : 1200))"
}

# A /dev/kvm that opens is not yet one that works, so a machine with the host's processor is made and thrown away.
kvm_problem() {
  if [ ! -e /dev/kvm ]; then
    echo 'there is no /dev/kvm (switch on VT-x or AMD-V in the firmware, then: sudo modprobe kvm_intel, or kvm_amd)'
  elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
    echo "/dev/kvm may not be used by $(id -un) (sudo usermod -aG kvm $(id -un), then log in again)"
  elif has "$qemu" && ! answer=$(exec 2>&1; echo quit | "$qemu" -accel kvm -cpu host -machine q35 -m 64 -nodefaults -display none -S -monitor stdio); then
    echo "/dev/kvm opens but makes no machine ($(printf '%s\n' "$answer" | grep -i -m 1 -e 'error' -e 'failed' -e 'denied' || echo 'no reason given'))"
  fi
}

choose_acceleration() {
  [ "$accel" != tcg ] || return 0
  reason=$(kvm_problem)
  if [ -z "$reason" ]; then accel=kvm
  elif [ "$accel" = kvm ]; then problem "KVM does not work here: $reason."
  else
    accel=tcg
    warn "KVM does not work here: $reason."
    warn 'Going on in emulation: everything works, but many times slower.'
  fi
}

kvm_module() {
  if grep -q -m 1 -e '^vendor_id.*AMD' -e '^vendor_id.*Hygon' /proc/cpuinfo; then echo kvm_amd; else echo kvm_intel; fi
}

# nesting: on, off, or absent where this kernel's KVM cannot nest.
nesting() {
  module=$(kvm_module)
  setting=/sys/module/$module/parameters/nested
  if [ -r "$setting" ]; then
    case $(cat "$setting") in [Yy1]*) echo on ;; *) echo off ;; esac
  elif has modinfo && modinfo -p "$module" 2>/dev/null | grep -q '^nested:'; then echo off
  else echo absent
  fi
}

nested_file=/etc/modprobe.d/evc-nested.conf

check_nesting() {
  if [ "$nested" = no ] || [ "$accel" != kvm ]; then return 0; fi
  module=$(kvm_module)
  case $(nesting) in
    off)
      warn 'Nested virtualisation is off on this machine: the cloud inside will run containers, but no virtual machines.'
      warn "Switch it on with no virtual machine running: sudo run-evc.sh --enable-nested (it writes \"options $module nested=1\" to $nested_file)." ;;
    absent)
      warn "This kernel's $module has no setting \"nested\": the cloud inside will run containers, but no virtual machines. A Linux of 4.20 or newer has it." ;;
  esac
}

enable_nested() {
  require_root --enable-nested
  module=$(kvm_module)
  [ "$(nesting)" != on ] || { say 'Nested virtualisation is on already.'; return 0; }
  (umask 022; printf '# Written by run-evc.sh --enable-nested.\noptions %s nested=1\n' "$module" >"$nested_file.new")
  mv "$nested_file.new" "$nested_file"
  if ! modprobe -r "$module" 2>/dev/null; then
    fail "$nested_file is written, but $module is in use. Stop the virtual machines of this machine and try again, or restart it." 3
  fi
  modprobe "$module"
  [ "$(nesting)" = on ] || fail "$module was loaded again, but nested virtualisation is still off. See: dmesg | grep -i kvm" 3
  say "Nested virtualisation is on, and stays on ($nested_file)."
}

require_root() { # what for
  [ "$(id -u)" -eq 0 ] || fail "$1 needs root: sudo $me $1" 3
}

# Every record was taken back before this: whatever still bears the name is somebody else's.
check_libvirt_name() {
  ! libvirt_has "$full_name" ||
    problem "libvirt has a machine $full_name already that run-evc.sh has not made. Use that one (sudo virsh --connect qemu:///system start $full_name), remove it (sudo virsh --connect qemu:///system undefine $full_name --nvram), or start without libvirt: --qemu"
}

# The user that libvirt runs QEMU as must be able to pass every folder above the disk.
check_parents() {
  runs_as=$(sed -n 's/^ *user *= *"\{0,1\}\([^" ]*\).*/\1/p' /etc/libvirt/qemu.conf 2>/dev/null | tail -n 1)
  for name in ${runs_as:-libvirt-qemu qemu}; do
    if id "$name" >/dev/null 2>&1; then runs_as=$name; break; fi
  done
  folder=$here
  while :; do
    passable "$folder" "$runs_as" ||
      problem "libvirt's user ${runs_as:-qemu} may not enter $folder. Let it: sudo chmod o+x '$folder', or start without libvirt: --qemu"
    [ "$folder" != / ] || break
    folder=$(dirname -- "$folder")
  done
}

passable() { # folder, user
  if has runuser && id "$2" >/dev/null 2>&1; then runuser -u "$2" -- test -x "$1"
  else case $(stat -c %A -- "$1") in *[xt]) ;; *) return 1 ;; esac
  fi
}

bridges() {
  found=
  for each in /sys/class/net/*/bridge; do
    [ ! -d "$each" ] || { each=${each%/bridge}; found="$found ${each##*/}"; }
  done
  echo "${found:-none}" | sed 's/^ //'
}

check_network_tools() {
  has ip || problem 'Could not find "ip", needed to make a bridge. Install it (Debian, Ubuntu: apt install iproute2; Fedora: dnf install iproute), or start without a network of its own: --user'
  has nft || has iptables ||
    problem 'Could not find "nft" or "iptables", needed to lead the appliance outside. Install nftables, or start without a network of its own: --user'
  ! device_exists "$bridge" || is_our_bridge ||
    problem "There is a device $bridge on this machine that run-evc.sh has not made. Use it if it is yours: --bridge $bridge, or remove it: sudo ip link delete $bridge"
  ! device_exists "$tap" || [ "$engine" != qemu ] ||
    problem "There is a device $tap on this machine that run-evc.sh has not made. Remove it: sudo ip link delete $tap"
  if ! has dnsmasq; then
    [ "$subnet" = 192.168.42.0/24 ] ||
      problem "Could not find \"dnsmasq\", needed to give the appliance an address in $subnet. Install it (Debian, Ubuntu: apt install dnsmasq-base; Fedora: dnf install dnsmasq), or leave out --subnet."
    warn 'There is no dnsmasq: the appliance waits for an address a while, then takes 192.168.42.2 by itself, without name servers.'
  fi
}
