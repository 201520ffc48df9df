#!/bin/sh
# Starts the appliance: checks this machine, makes a network for it, starts it, waits until it is ready. POSIX sh.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/evc-host.sh"

firmware=bios
accel=auto
mode=own
engine=auto
network_bridge=$bridge
snapshot=no
window=no
print=no
enable=no
settings=
wait=
http_port=8080
console_port=9090
api_port=8443
ssh_port=2222
disk=$here/$disk_name
nvram=$here/$full_name.nvram.fd

usage() {
  cat <<END
$title $version

Usage: sudo ./run-evc.sh [options]      with a network of its own: the appliance is at $(guest_address)
       ./run-evc.sh --user [options]    without root: ports of 127.0.0.1 lead to it

  --user            no root, no network of its own: page, console, API and SSH on ports of this machine
  --bridge NAME     put it on this bridge of yours, so that other machines reach it
  --subnet A.B.C.0/24  another network of its own (now $subnet)
  --uefi            boot by UEFI instead of BIOS
  --memory MIB      memory in MiB (now $memory)
  --cpus N          processors (now $cpus)
  --http-port, --console-port, --api-port, --ssh-port PORT   with --user (now $http_port, $console_port, $api_port, $ssh_port; taken ones are passed over)
  --qemu            start it by QEMU even where libvirt runs
  --accel KIND      auto, kvm or tcg (emulation); now $accel
  --settings FILE   a disk image or ISO with first-boot settings (README.txt)
  --snapshot        keep nothing: what the appliance writes is gone when it stops
  --window          show its screen in a window, too
  --wait SECONDS    how long to wait until it is ready (now $ready_seconds, in emulation five times as long; 0: do not wait)
  --enable-nested   switch nested virtualisation on, on this machine, and do no more
  --print           print the QEMU command and start nothing
  --help            this text

./status tells how it is, ./teardown-evc.sh stops it and takes back everything that was made on this machine.
END
}

while [ $# -gt 0 ]; do
  option=$1
  case $option in
    --user) mode=user; shift; continue ;;
    --uefi) firmware=uefi; shift; continue ;;
    --qemu) engine=qemu; shift; continue ;;
    --snapshot) snapshot=yes; shift; continue ;;
    --window) window=yes; shift; continue ;;
    --enable-nested) enable=yes; shift; continue ;;
    --print) print=yes; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --bridge | --subnet | --memory | --cpus | --http-port | --console-port | --api-port | --ssh-port | --accel | --settings | --wait) ;;
    *) fail "There is no option \"$option\". Try: run-evc.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$option needs a value." 2
  case $option in
    --bridge) word "$option" "$2"; mode=bridge network_bridge=$2 ;;
    --subnet)
      is_network "$2" || fail "--subnet takes a network like 192.168.43.0/24, found \"$2\"." 2
      subnet=$2 ;;
    --memory) number "$option" "$2" 512 16777216; memory=$2 ;;
    --cpus) number "$option" "$2" 1 288; cpus=$2 ;;
    --http-port) number "$option" "$2" 1 65000; http_port=$2 ;;
    --console-port) number "$option" "$2" 1 65000; console_port=$2 ;;
    --api-port) number "$option" "$2" 1 65000; api_port=$2 ;;
    --ssh-port) number "$option" "$2" 1 65000; ssh_port=$2 ;;
    --accel)
      case $2 in auto | kvm | tcg) accel=$2 ;; *) fail "--accel takes auto, kvm or tcg, found \"$2\"." 2 ;; esac ;;
    --settings) settings=$(CDPATH='' cd -- "$(dirname -- "$2")" && pwd)/$(basename -- "$2") ;;
    --wait) number "$option" "$2" 0 86400; wait=$2 ;;
  esac
  shift 2
done

[ "$enable" = no ] || { enable_nested; exit 0; }

if [ "$mode" != user ] && [ "$print" = no ] && [ "$(id -u)" -ne 0 ]; then
  fail "A network of its own needs root: sudo ./run-evc.sh. Without root, on ports of this machine: ./run-evc.sh --user" 3
fi
[ "$print" = yes ] || open_state

if [ "$print" = no ] && [ -e "$state/made" ]; then
  if alive; then
    say 'It is running already; ./teardown-evc.sh stops it.'
    warn_if_paused
    show_addresses
    exit 0
  fi
  say 'Taking back what an earlier start has left behind.'
  wanted_subnet=$subnet
  undo
  subnet=$wanted_subnet
fi

# libvirt knows nothing of --user, --snapshot, --window, --settings and --print.
case $engine.$mode.$snapshot$window$print.$settings in
  auto.own.nonono. | auto.bridge.nonono.) if libvirt_runs; then engine=libvirt; else engine=qemu; fi ;;
  *) engine=qemu ;;
esac

check_machine
choose_acceleration
if [ "$firmware" = uefi ] && [ "$engine" = qemu ]; then
  found_firmware=$(find_firmware)
  [ -n "$found_firmware" ] ||
    problem 'Could not find UEFI firmware (OVMF). Install it (Debian, Ubuntu: apt install ovmf; Fedora: dnf install edk2-ovmf), or start without --uefi.'
fi
[ -z "$settings" ] || [ -r "$settings" ] || problem "Could not read $settings, which --settings names."
case $mode in
  own) if [ "$print" = no ]; then check_subnet; check_network_tools; fi ;;
  bridge)
    [ -d "/sys/class/net/$network_bridge/bridge" ] || [ "$print" = yes ] ||
      problem "There is no bridge \"$network_bridge\" on this machine. Those it has: $(bridges). Without --bridge a network of its own is made." ;;
esac
if [ "$engine" = libvirt ]; then check_libvirt_name; check_parents; fi
[ "$problems" -eq 0 ] || exit 3
check_nesting
processors

case $mode in
  user) forward_ports ;;
  *) netdev=tap,id=net,ifname=$tap,script=no,downscript=no ;;
esac
if [ "$print" = yes ]; then start_qemu print; exit 0; fi

case $mode in
  user) record forwarded "$forwarded" ;;
  own)
    make_bridge
    allow_forwarding
    allow_traffic
    if has dnsmasq; then start_dhcp; fi ;;
esac
say "Starting $title $version by $accel${engine:+ ($engine)}."
if [ "$engine" = libvirt ]; then start_libvirt
else
  [ "$mode" = user ] || make_tap "$network_bridge" "$(owner)"
  start_qemu start
fi

[ "$accel" = kvm ] || ready_seconds=$((ready_seconds * 5))
ready_seconds=${wait:-$ready_seconds}
[ "$ready_seconds" -gt 0 ] || { say 'It is starting; ./status tells when it is ready.'; exit 0; }
wait_ready "$ready_seconds"
say 'It is ready:'
show_addresses
