#!/bin/sh
# Imports this folder's appliance into VirtualBox, with nested virtualisation, and starts it. `import.sh --help` has the options.
set -eu

ova='ciab-0.1.0+20260101.0123abcd.ova'
name='ciab-0.1.0+20260101.0123abcd'
memory='4096'
cpus='2'
nested=yes
bridge=
start=yes
vbox=${VBOXMANAGE:-VBoxManage}

usage() {
  cat <<END
Usage: import.sh [options]
  --name NAME      name of the machine (now $name)
  --memory MIB     memory in MiB (now $memory)
  --cpus N         processors (now $cpus)
  --bridge DEVICE  put it on your network by this network device, instead of behind NAT (VBoxManage list bridgedifs)
  --no-start       only make the machine
  --help           this text
END
}

say() { printf 'import.sh: %s\n' "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

while [ $# -gt 0 ]; do
  case $1 in
    --no-start) start=no; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --name | --memory | --cpus | --bridge) ;;
    *) fail "There is no option \"$1\". Try: import.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  case $1 in
    --name) name=$2 ;;
    --bridge) bridge=$2 ;;
    --memory | --cpus)
      case $2 in '' | *[!0-9]* | ???????*) fail "$1 takes a number, found \"$2\"." 2 ;; esac
      if [ "$1" = --memory ]; then memory=$2; else cpus=$2; fi ;;
  esac
  shift 2
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
command -v "$vbox" >/dev/null 2>&1 ||
  fail "Could not find $vbox: install VirtualBox 6.1 or newer, or name it: VBOXMANAGE=/path/to/VBoxManage ./import.sh" 3
[ -f "$here/$ova" ] || fail "Could not find $here/$ova: import.sh and the appliance belong in one folder." 3
if "$vbox" showvminfo "$name" >/dev/null 2>&1; then
  fail "There is a machine called $name already: choose another name by --name."
fi

"$vbox" import "$here/$ova" --vsys 0 --vmname "$name" --cpus "$cpus" --memory "$memory"
if [ "$nested" = yes ]; then
  "$vbox" modifyvm "$name" --nested-hw-virt on ||
    say '!! This VirtualBox or processor has no nested virtualisation: the cloud will run containers, but no virtual machines.'
fi
if [ -n "$bridge" ]; then
  # Machines inside have addresses of their own behind this card.
  "$vbox" modifyvm "$name" --nic1 bridged --bridgeadapter1 "$bridge" --nic-promisc1 allow-all
else
  "$vbox" modifyvm "$name" --natpf1 'web,tcp,127.0.0.1,8080,,80' --natpf1 'api,tcp,127.0.0.1,8443,,8443' \
    --natpf1 'ssh,tcp,127.0.0.1,2222,,22'
fi
say "Made the machine $name."
[ "$start" = no ] || "$vbox" startvm "$name"
if [ -z "$bridge" ]; then say 'On this machine: web page http://127.0.0.1:8080, API https://127.0.0.1:8443, SSH port 2222'; fi
