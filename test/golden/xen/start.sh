#!/bin/sh
# Starts Cloud in a box 0.1.0+20260101.0123abcd on this machine's hypervisor; --help has the options. POSIX sh.
set -eu

title='Cloud in a box'
version='0.1.0+20260101.0123abcd'
name='ciab-0.1.0+20260101.0123abcd'
memory='4096'
cpus='2'
nested=yes
ready_seconds='300'
start=yes
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# --- how the scripts speak -------------------------------------------------------------------------------------------

me=${0##*/}
say() { printf '%s: %s\n' "$me" "$*" >&2; }
warn() { printf '%s: !! %s\n' "$me" "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

number() { # option, value, least, most
  case $2 in
    '' | *[!0-9]* | ??????????*) fail "$1 takes a number, found \"$2\"." 2 ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then fail "$1 takes a number from $3 to $4, found $2." 2; fi
}

word() { # option, value: a name that no program takes for something else
  case $2 in '' | -* | *[!A-Za-z0-9._-]*) fail "$1 takes a name, found \"$2\"." 2 ;; esac
}

has() { command -v "$1" >/dev/null 2>&1; }

# Problems are collected, so that one run tells all of them.
problems=0
problem() { problems=$((problems + 1)); say "$*"; }

# --- Xen, by xl --------------------------------------------------------------------------------------------------------

bridge=xenbr0
kind=
console=yes
xl=${XL:-xl}

usage() {
  cat <<END
$title $version

Usage: sudo sh start.sh [options]
  --bridge NAME  bridge of its network card (now $bridge)
  --pv           paravirtualised, without virtual machines inside; taken by itself where the processor has no VT-x or AMD-V
  --no-console   do not show its console; Ctrl-] leaves it
  --stop         power it off
  --help         this text
END
}

stop=no
while [ $# -gt 0 ]; do
  case $1 in
    --pv) kind=pv ;;
    --no-console) console=no ;;
    --stop) stop=yes ;;
    --bridge)
      [ $# -ge 2 ] || fail "$1 needs a value." 2
      word "$1" "$2"
      bridge=$2
      shift ;;
    --help | -h) usage; exit 0 ;;
    *) fail "There is no option \"$1\". Try: start.sh --help" 2 ;;
  esac
  shift
done

capable() { printf '%s\n' "$capabilities" | grep -q -w -e "$1"; }

# Both configurations name the machine: that of pv.cfg ends in -pv.
running() {
  for each in "$name" "$name-pv"; do
    if "$xl" domid "$each" >/dev/null 2>&1; then echo "$each"; return; fi
  done
}

has "$xl" || fail 'Could not find xl: this is no Xen host. Install Xen (Debian: apt install xen-system-amd64) and start the machine by it.' 3
information=$("$xl" info 2>/dev/null) || fail 'Xen does not answer: start this machine by Xen, and this script as root: sudo sh start.sh' 3
domain=$(running)
if [ "$stop" = yes ]; then
  [ -n "$domain" ] || { say 'It is not running.'; exit 0; }
  exec "$xl" shutdown -w "$domain"
fi
[ -z "$domain" ] || { say "It is running already: xl console $domain"; exit 0; }
[ -e "$here/ciab-0.1.0+20260101.0123abcd.qcow2" ] || problem "Could not find $here/ciab-0.1.0+20260101.0123abcd.qcow2: start.sh and the disk belong in one folder."
[ -e "/sys/class/net/$bridge/bridge" ] || problem "There is no bridge \"$bridge\" on this machine. Name yours: --bridge br0"
free=$(printf '%s\n' "$information" | sed -n 's/^free_memory *: *//p')
[ "${free:-$memory}" -ge "$memory" ] ||
  problem "The appliance needs $memory MiB of memory, Xen has $free MiB free. Give dom0 less: xl mem-set Domain-0, or stop another machine."
[ "$problems" -eq 0 ] || exit 3

capabilities=$(printf '%s\n' "$information" | sed -n -e 's/^virt_caps *://p' -e 's/^xen_caps *://p')
if [ -z "$kind" ]; then
  kind=hvm
  if ! capable 'hvm[-a-z0-9.]*'; then
    kind=pv
    warn 'This processor has no VT-x or AMD-V, or the firmware has it off: starting it paravirtualised. The cloud will run containers, but no virtual machines.'
  elif [ "$nested" = yes ] && printf '%s\n' "$information" | grep -q '^virt_caps' && ! capable hap; then
    kind=pv
    warn 'Xen has no hardware-assisted paging (hap) here, and cannot nest without it: starting it paravirtualised. The cloud will run containers, but no virtual machines.'
  fi
fi
[ "$kind.$nested" != hvm.yes ] || say 'Nested virtualisation is experimental in Xen.'
case $here in *\'*) fail "Xen cannot read a disk from $here: move this folder to a place without an apostrophe in its name." 3 ;; esac
# For pygrub Xen attaches the disk to this machine, by a service that runs in another folder: the whole path.
disk=$(grep '^disk = ' "$here/$kind.cfg")
disk=${disk%target=*}target=$here/${disk##*target=}
say "Starting $title $version ($kind)."
"$xl" create "$here/$kind.cfg" "$disk" "vif=['bridge=$bridge']" || fail 'Xen did not start it (see above).' 4
domain=$(running)
say "Its console tells each step in lines that begin with EVC; the last one says ready, and the address to open: xl console $domain"
[ "$console" = no ] || exec "$xl" console "$domain"
