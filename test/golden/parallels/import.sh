#!/bin/sh
# Unpacks this folder's machine, registers it with Parallels Desktop and starts it. `import.sh --help` has the options.
set -eu

bundle='ciab-0.1.0+20260101.0123abcd.pvm'
archive='ciab-0.1.0+20260101.0123abcd.pvm.zip'
name='ciab-0.1.0+20260101.0123abcd'
nested=on
folder=${HOME:-}/Parallels
bridged=no
start=yes
prlctl=${PRLCTL:-prlctl}

usage() {
  cat <<END
Usage: import.sh [options]
  --name NAME      name of the machine (now $name)
  --folder FOLDER  where the machine is unpacked (now $folder)
  --bridged        put it on your network, instead of behind Parallels' own
  --no-start       only register it
  --help           this text
END
}

say() { printf 'import.sh: %s\n' "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

while [ $# -gt 0 ]; do
  case $1 in
    --bridged) bridged=yes; shift; continue ;;
    --no-start) start=no; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --name | --folder) ;;
    *) fail "There is no option \"$1\". Try: import.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  case $1 in
    --name) name=$2 ;;
    --folder) folder=$2 ;;
  esac
  shift 2
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
command -v "$prlctl" >/dev/null 2>&1 ||
  fail 'Could not find prlctl: it comes with Parallels Desktop, Pro or Business edition.' 3
[ -f "$here/$archive" ] || fail "Could not find $here/$archive: import.sh and the machine belong in one folder." 3
[ ! -e "$folder/$bundle" ] || fail "$folder/$bundle is there already: choose another folder by --folder."
if [ "$(uname -m)" = arm64 ]; then
  say '!! This Mac has no Intel processor: the machine is for those, and can run no machines inside here.'
fi

mkdir -p "$folder"
unzip -q "$here/$archive" -d "$folder"
# Its own ids, so that a second copy may stand beside it.
"$prlctl" register "$folder/$bundle" --regenerate-src-uuid
if [ "$name" != 'ciab-0.1.0+20260101.0123abcd' ]; then "$prlctl" set 'ciab-0.1.0+20260101.0123abcd' --name "$name"; fi
"$prlctl" set "$name" --efi-boot on
"$prlctl" set "$name" --nested-virt "$nested" ||
  say '!! No nested virtualisation here: the cloud will run containers, but no virtual machines.'
if [ "$bridged" = yes ]; then "$prlctl" set "$name" --device-set net0 --type bridged --adapter-type virtio; fi
say "Made the machine $name."
[ "$start" = no ] || "$prlctl" start "$name"
