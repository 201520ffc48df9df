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

# --- what was begun and did not end well -----------------------------------------------------------------------------
# By an error or by Ctrl-C. Half a machine would stand in the way of the next try, so each script has a take_back.

begin() {
  trap take_back EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

ended_well() { trap - EXIT HUP INT TERM; }

# --- XCP-ng and XenServer, by xe, on the host or where xe is logged in ---------------------------------------------------

xva=$here/'ciab-0.1.0+20260101.0123abcd.xva'
storage=
network=
wanted_name=
xe=${XE:-xe}

usage() {
  cat <<END
$title $version

Usage: sh import.sh [options]     on the pool's master
  --name NAME     name of the machine (now $name)
  --sr UUID       storage repository for its disk (xe sr-list)
  --network UUID  network of its card, where it is not that of the first card (xe network-list)
  --no-start      only import it
  --help          this text
END
}

while [ $# -gt 0 ]; do
  case $1 in
    --no-start) start=no; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --name | --sr | --network) ;;
    *) fail "There is no option \"$1\". Try: import.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  word "$1" "$2"
  case $1 in
    --name) wanted_name=$2 ;;
    --sr) storage=$2 ;;
    --network) network=$2 ;;
  esac
  shift 2
done

has "$xe" || problem 'Could not find xe: run this on the host (the pool'\''s master), with the whole folder copied there.'
[ -f "$xva" ] || problem "Could not find $xva: import.sh and the machine belong in one folder."
[ "$problems" -eq 0 ] || exit 3

name=${wanted_name:-$name}
[ -z "$("$xe" vm-list name-label="$name" params=uuid --minimal)" ] ||
  fail "There is a machine called $name already: choose another name by --name, or start it: xe vm-start vm=$name"

take_back() {
  if "$xe" vm-uninstall uuid="$uuid" force=true >/dev/null; then say 'Took the machine back: the same command may be run again.'
  else warn "Could not take the machine back: xe vm-uninstall uuid=$uuid"
  fi
}

move_card() {
  old=$("$xe" vif-list vm-uuid="$uuid" params=uuid --minimal) || return 1
  for each in $(printf '%s' "$old" | tr ',' ' '); do "$xe" vif-destroy uuid="$each" || return 1; done
  "$xe" vif-create vm-uuid="$uuid" network-uuid="$network" device=0 mac=random >/dev/null
}

set -- filename="$xva"
[ -z "$storage" ] || set -- "$@" sr-uuid="$storage"
say "Importing $title $version."
uuid=$("$xe" vm-import "$@") || fail 'The import failed (see above). If it names no storage: choose one by --sr (xe sr-list).' 4
begin
[ -z "$wanted_name" ] || "$xe" vm-param-set uuid="$uuid" name-label="$name" || fail 'The machine did not take its name (see above).' 4
if [ "$nested" = yes ]; then
  # Since XCP-ng 8.3 and XenServer 8 it is called nested-virt; an unknown key is kept and does nothing.
  for key in nested-virt exp-nested-hvm; do
    "$xe" vm-param-set uuid="$uuid" platform:"$key"=true || fail 'The machine did not take its key for nested virtualisation (see above).' 4
  done
  say 'Nested virtualisation is experimental in XCP-ng and bound to a licence in XenServer; without it the cloud runs containers.'
fi
if [ -n "$network" ]; then
  move_card || fail 'The machine was not put on that network (see above). To choose another one: --network (xe network-list)' 4
fi
ended_well
say "Made the machine $name ($uuid)."
[ "$start" = yes ] || exit 0
"$xe" vm-start uuid="$uuid" ||
  fail "It is made but did not start (see above). When that is mended: xe vm-start uuid=$uuid; or to take it away: xe vm-uninstall uuid=$uuid" 4
say 'Its console, in Xen Orchestra or XCP-ng Center, tells each step in lines that begin with EVC; the last one says ready, and the address to open.'
