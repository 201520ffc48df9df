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

# --- Parallels Desktop -------------------------------------------------------------------------------------------------

bundle='ciab-0.1.0+20260101.0123abcd.pvm'
archive='ciab-0.1.0+20260101.0123abcd.pvm.zip'
folder=${HOME:-}/Parallels
bridged=no
prlctl=${PRLCTL:-prlctl}

usage() {
  cat <<END
$title $version

Usage: sh import.sh [options]     on a Mac with an Intel processor
  --name NAME      name of the machine (now $name)
  --folder FOLDER  where the machine is unpacked (now $folder)
  --bridged        put it on your network, instead of behind Parallels' own
  --no-start       only register it
  --help           this text
END
}

while [ $# -gt 0 ]; do
  case $1 in
    --bridged) bridged=yes; shift; continue ;;
    --no-start) start=no; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --name | --folder) ;;
    *) fail "There is no option \"$1\". Try: import.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  case $2 in '' | -*) fail "$1 needs a value, found \"$2\"." 2 ;; esac
  case $1 in
    --name) name=$2 ;;
    --folder) folder=$2 ;;
  esac
  shift 2
done

case $(uname -m) in
  arm64) problem 'This Mac has Apple silicon: Parallels runs ARM guests there, and this image is for Intel processors. Take an Intel Mac or another machine.' ;;
esac
has "$prlctl" || problem 'Could not find prlctl: it comes with Parallels Desktop, Pro or Business edition.'
[ -f "$here/$archive" ] || problem "Could not find $here/$archive: import.sh and the machine belong in one folder."
[ "$problems" -eq 0 ] || exit 3
# 0 when there is one, 1 when not, 2 when Parallels does not tell.
has_machine() {
  machines=$("$prlctl" list --all --output name) || return 2
  printf '%s\n' "$machines" | sed 's/ *$//' | grep -q -x -F -e "$name"
}

found=0
has_machine || found=$?
[ "$found" -ne 2 ] || fail 'Parallels does not list its machines (see above): open Parallels Desktop once, for its licence and its service, and try again.' 4
[ "$found" -ne 0 ] || fail "There is a machine called $name already: choose another name by --name, or start it: prlctl start $name"
[ ! -e "$folder/$bundle" ] || fail "$folder/$bundle is there already: choose another folder by --folder."

# As text of XML, and as what sed puts in.
xml_text() { printf '%s' "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' | sed 's/[\\&|]/\\&/g'; }

new=$folder/.$bundle.new
moved=no

take_back() {
  rm -rf "$new"
  [ "$moved" = yes ] || return 0
  found=0
  has_machine || found=$?
  # Nothing is removed from under a machine that may be registered.
  if [ "$found" -eq 2 ] || { [ "$found" -eq 0 ] && ! "$prlctl" unregister "$name"; }; then
    warn "Could not take the machine $name back: prlctl unregister $name, then remove $folder/$bundle."
    return 0
  fi
  rm -rf "${folder:?}/$bundle"
  say "Took the machine $name back: the same command may be run again."
}

mkdir -p "$folder" || fail "Could not make the folder $folder (see above): choose another one by --folder." 4
begin
unpack() { rm -rf "$new" && mkdir "$new" && unzip -q "$here/$archive" -d "$new"; }
unpack || fail "Could not unpack $archive in $folder (see above): it may need more room, or be damaged (sha256sum -c SHA256SUMS)." 4
# Before it is registered: once two machines bear one name, prlctl may take either.
rename() {
  sed "s|<VmName>.*</VmName>|<VmName>$(xml_text "$name")</VmName>|" "$new/$bundle/config.pvs" >"$new/config.pvs" &&
    mv "$new/config.pvs" "$new/$bundle/config.pvs"
}
rename || fail "Could not write the machine's name in $folder (see above)." 4
moved=yes
mv "$new/$bundle" "$folder/$bundle" || fail "Could not write $folder/$bundle (see above)." 4
rmdir "$new"
# Its own ids, so that a second copy may stand beside it.
"$prlctl" register "$folder/$bundle" --regenerate-src-uuid || fail 'Parallels did not take the machine (see above).' 4
"$prlctl" set "$name" --efi-boot on || fail 'Parallels did not take the firmware of the machine, EFI (see above).' 4
if [ "$nested" = yes ]; then
  # Apple's hypervisor, which newer versions choose, cannot nest. Older ones lack the option, and the choice.
  "$prlctl" set "$name" --hypervisor-type parallels >/dev/null 2>&1 || :
  "$prlctl" set "$name" --nested-virt on ||
    warn 'No nested virtualisation here (it is in the Pro and Business editions, on Intel): the cloud will run containers, but no virtual machines.'
fi
if [ "$bridged" = yes ]; then
  "$prlctl" set "$name" --device-set net0 --type bridged --adapter-type virtio ||
    fail 'Parallels did not put it on your network (see above). To leave it behind its own: without --bridged' 4
fi
say "Made the machine $name."
[ "$start" = yes ] || { ended_well; exit 0; }
# Where macOS or its administrator blocks Parallels' own hypervisor, Apple's starts the machine, and cannot nest.
start_machine() {
  "$prlctl" start "$name" && return
  [ "$nested" = yes ] || return
  "$prlctl" set "$name" --nested-virt off && "$prlctl" set "$name" --hypervisor-type apple >/dev/null 2>&1 && "$prlctl" start "$name" || return
  warn "Parallels started it with Apple's hypervisor only (see above): the cloud will run containers, but no virtual machines. Its own one wants its system extension allowed in Privacy & Security."
}
start_machine || fail 'Parallels did not start it (see above). Where macOS blocks its system extension: allow it in Privacy & Security, and try again. To make it without a start: --no-start' 4
ended_well
say 'Its screen tells each step in lines that begin with EVC; the last one says ready, and the address to open.'
