#!/bin/sh
# Starts this appliance with QEMU: by KVM where it works, else, loudly, in emulation. POSIX sh; `start.sh --help` lists the options.
set -eu

title='Cloud in a box'
version='0.1.0+20260101.0123abcd'
disk_name='ciab-0.1.0+20260101.0123abcd.qcow2'
nvram_name='ciab-0.1.0+20260101.0123abcd'.nvram.fd
memory='4096'
cpus='2'
nested=yes

qemu=${QEMU:-qemu-system-x86_64}
firmware=bios
accel=auto
ssh_port=2222
http_port=8080
api_port=8443
bridge=
snapshot=no
window=no
print=no

usage() {
  cat <<END
$title $version

Usage: start.sh [options]
  --uefi            boot by UEFI instead of BIOS
  --memory MIB      memory in MiB (now $memory)
  --cpus N          processors (now $cpus)
  --ssh-port PORT   port of this machine's 127.0.0.1 that leads to the appliance's SSH (now $ssh_port; 0: none)
  --http-port PORT  the same for its web page (now $http_port)
  --api-port PORT   the same for its API (now $api_port)
  --bridge NAME     put it on this bridge of yours, so that other machines reach it; no ports are forwarded then
  --snapshot        keep nothing: what the appliance writes is gone when it stops
  --window          show its screen in a window, too
  --accel KIND      auto, kvm or tcg (emulation); now $accel
  --print           print the QEMU command and start nothing
  --help            this text

The terminal becomes the appliance's serial port. Wait for "ready"; Enter then shows the credentials.
Ctrl-a x stops QEMU, as pulling the plug would; the command "poweroff" inside is kinder.
END
}

say() { printf 'start.sh: %s\n' "$*" >&2; }
warn() { printf 'start.sh: !! %s\n' "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

number() { # option, value, least, most
  case $2 in
    '' | *[!0-9]* | ??????????*) fail "$1 takes a number, found \"$2\"." 2 ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then fail "$1 takes a number from $3 to $4, found $2." 2; fi
}

while [ $# -gt 0 ]; do
  option=$1
  case $option in
    --uefi) firmware=uefi; shift; continue ;;
    --snapshot) snapshot=yes; shift; continue ;;
    --window) window=yes; shift; continue ;;
    --print) print=yes; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --memory | --cpus | --ssh-port | --http-port | --api-port | --bridge | --accel) ;;
    *) fail "There is no option \"$option\". Try: start.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$option needs a value." 2
  case $option in
    --memory) number "$option" "$2" 512 16777216; memory=$2 ;;
    --cpus) number "$option" "$2" 1 288; cpus=$2 ;;
    --ssh-port) number "$option" "$2" 0 65535; ssh_port=$2 ;;
    --http-port) number "$option" "$2" 0 65535; http_port=$2 ;;
    --api-port) number "$option" "$2" 0 65535; api_port=$2 ;;
    --bridge)
      case $2 in '' | *[!A-Za-z0-9._-]*) fail "--bridge takes a bridge's name, found \"$2\"." 2 ;; esac
      bridge=$2 ;;
    --accel)
      case $2 in auto | kvm | tcg) accel=$2 ;; *) fail "--accel takes auto, kvm or tcg, found \"$2\"." 2 ;; esac ;;
  esac
  shift 2
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
disk=$here/$disk_name
nvram=$here/$nvram_name

command -v "$qemu" >/dev/null 2>&1 ||
  fail "Could not find $qemu. Install it (Debian, Ubuntu: apt install qemu-system-x86; Fedora: dnf install qemu-kvm), or name it: QEMU=/path/to/qemu ./start.sh" 3
[ -f "$disk" ] || fail "Could not find $disk: start.sh and the disk belong in one folder." 3
[ -r "$disk" ] || fail "Could not read $disk: permission denied." 3
if [ "$snapshot" = no ] && [ ! -w "$disk" ]; then
  fail "Could not write to $disk, and the appliance keeps its state there. Make it writable, or start with --snapshot." 3
fi

# A /dev/kvm that opens is not yet one that works, so a machine with the host's processor is made and thrown away.
kvm_problem() {
  if [ ! -e /dev/kvm ]; then
    echo 'there is no /dev/kvm (switch on VT-x or AMD-V in the firmware, then: sudo modprobe kvm_intel, or kvm_amd)'
  elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
    echo "/dev/kvm may not be used by $(id -un) (sudo usermod -aG kvm $(id -un), then log in again)"
  elif ! answer=$(exec 2>&1; echo quit | "$qemu" -accel kvm -cpu host -machine q35 -m 64 -nodefaults -display none -S -monitor stdio); then
    echo "/dev/kvm opens but makes no machine ($(printf '%s\n' "$answer" | grep -i -m 1 -e 'error' -e 'failed' -e 'denied' || echo 'no reason given'))"
  fi
}

if [ "$accel" != tcg ]; then
  problem=$(kvm_problem)
  if [ -z "$problem" ]; then
    accel=kvm
  elif [ "$accel" = kvm ]; then
    fail "KVM does not work here: $problem." 3
  else
    accel=tcg
    warn "KVM does not work here: $problem."
    warn 'Going on in emulation: everything works, but many times slower. Ctrl-a x stops it.'
  fi
fi

if [ "$accel" = kvm ] && [ "$nested" = yes ]; then
  for module in kvm_intel kvm_amd; do
    setting=/sys/module/$module/parameters/nested
    [ -r "$setting" ] || continue
    case $(cat "$setting") in
      [Yy1]*) ;;
      *)
        warn "Nested virtualisation is off on this machine: the cloud inside will run containers, but no virtual machines."
        warn "Switch it on with no virtual machine running: echo 'options $module nested=1' | sudo tee /etc/modprobe.d/kvm-nested.conf; sudo modprobe -r $module; sudo modprobe $module" ;;
    esac
  done
fi

if [ "$accel" = tcg ]; then
  # QEMU 7.2 was seen to crash a guest when emulating on several threads; 10.0 does not.
  release=$("$qemu" --version | sed -n '1s/.*version \([0-9]*\).*/\1/p')
  if [ "$cpus" -gt 1 ] && [ "${release:-0}" -lt 10 ]; then
    warn "One processor only: emulation on several is not reliable before QEMU 10, this is ${release:-unknown}."
    cpus=1
  fi
fi

find_firmware() {
  while read -r code vars; do
    if [ -r "$code" ] && [ -r "$vars" ]; then
      echo "$code $vars"
      return
    fi
  done <<END
/usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_VARS_4M.fd
/usr/share/OVMF/OVMF_CODE.fd /usr/share/OVMF/OVMF_VARS.fd
/usr/share/edk2/ovmf/OVMF_CODE.fd /usr/share/edk2/ovmf/OVMF_VARS.fd
/usr/share/edk2/x64/OVMF_CODE.4m.fd /usr/share/edk2/x64/OVMF_VARS.4m.fd
/usr/share/edk2-ovmf/x64/OVMF_CODE.fd /usr/share/edk2-ovmf/x64/OVMF_VARS.fd
/usr/share/edk2-ovmf/OVMF_CODE.fd /usr/share/edk2-ovmf/OVMF_VARS.fd
/usr/share/qemu/ovmf-x86_64-code.bin /usr/share/qemu/ovmf-x86_64-vars.bin
/usr/share/qemu/edk2-x86_64-code.fd /usr/share/qemu/edk2-i386-vars.fd
END
}

# In QEMU's options a comma ends a value unless it is doubled.
escape() { printf '%s' "$1" | sed 's/,/,,/g'; }

# Stable for one copy of the disk, different for another: two copies may meet on one bridge.
mac() {
  sum=$(printf '%s %s' "$(uname -n)" "$disk" | cksum | cut -d ' ' -f 1)
  printf '52:54:00:%02x:%02x:%02x' $((sum / 65536 % 256)) $((sum / 256 % 256)) $((sum % 256))
}

set -- -name "$(escape "$title $version")" -machine q35 -smp "$cpus" -m "$memory"
if [ "$accel" = kvm ]; then
  set -- "$@" -accel kvm -cpu host
else
  # EPYC: QEMU emulates its virtualisation, so even here the cloud can start virtual machines.
  set -- "$@" -accel tcg,thread=multi -cpu EPYC
fi

if [ "$firmware" = uefi ]; then
  found=$(find_firmware)
  [ -n "$found" ] || fail 'Could not find UEFI firmware (OVMF). Install it (Debian, Ubuntu: apt install ovmf; Fedora: dnf install edk2-ovmf), or start without --uefi.' 3
  vars=${found#* }
  if [ "$snapshot" = no ]; then
    [ "$print" = yes ] || [ -e "$nvram" ] || { cp "$vars" "$nvram" && chmod u+w "$nvram"; }
    vars=$nvram
  fi
  set -- "$@" -drive "if=pflash,unit=0,format=raw,readonly=on,file=$(escape "${found% *}")"
  set -- "$@" -drive "if=pflash,unit=1,format=raw,file=$(escape "$vars")"
fi

set -- "$@" -drive "if=none,id=disk,format=qcow2,discard=unmap,file=$(escape "$disk")" -device virtio-blk-pci,drive=disk,bootindex=0
if [ "$snapshot" = yes ]; then set -- "$@" -snapshot; fi

if [ -n "$bridge" ]; then
  set -- "$@" -netdev "bridge,id=net,br=$bridge"
else
  forwards=
  for pair in "$ssh_port 22" "$http_port 80" "$api_port 8443"; do
    if [ "${pair% *}" != 0 ]; then forwards=$forwards,hostfwd=tcp:127.0.0.1:${pair% *}-:${pair#* }; fi
  done
  set -- "$@" -netdev "user,id=net$forwards"
fi
set -- "$@" -device "virtio-net-pci,netdev=net,mac=$(mac)" -device virtio-rng-pci -serial mon:stdio
if [ "$window" = no ]; then set -- "$@" -display none; fi

if [ "$print" = yes ]; then
  printf '%s' "$qemu"
  for word; do
    case $word in
      *[!A-Za-z0-9_@%+=:,./-]*) printf " '%s'" "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  echo
  exit 0
fi

say "Starting $title $version by $accel. Wait for \"ready\"; Ctrl-a x stops it."
if [ -z "$bridge" ]; then
  [ "$http_port" = 0 ] || say "On this machine: web page http://127.0.0.1:$http_port"
  [ "$api_port" = 0 ] || say "On this machine: API https://127.0.0.1:$api_port"
  [ "$ssh_port" = 0 ] || say "On this machine: ssh -p $ssh_port evc@127.0.0.1, with a key you have put there"
fi
exec "$qemu" "$@"
