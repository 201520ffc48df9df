#!/bin/sh
# Stops the appliance and takes back everything that run-evc.sh made on this machine, and only that. POSIX sh.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/evc-host.sh"

usage() {
  cat <<END
Usage: sudo ./teardown-evc.sh [--wait SECONDS]     (without sudo after run-evc.sh --user)
Powers the appliance off and removes its bridge, its firewall rules and its other traces on this machine.
The disk stays; run-evc.sh starts it again.
  --wait SECONDS  how long it may take to power off before it is switched off (now $stop_seconds; 0: at once)
END
}

case ${1:-} in
  '') ;;
  --help | -h) usage; exit 0 ;;
  --wait)
    [ $# -ge 2 ] || fail '--wait needs a value.' 2
    number --wait "$2" 0 3600
    stop_seconds=$2 ;;
  *) fail "There is no option \"$1\". Try: teardown-evc.sh --help" 2 ;;
esac

open_state
if [ ! -e "$state/made" ]; then
  [ "$(id -u)" -eq 0 ] || [ ! -e "/sys/class/net/$bridge" ] ||
    fail "The appliance was started by root: sudo ./teardown-evc.sh" 3
  say 'Nothing is left to take back.'
  close_state
  exit 0
fi
undo
close_state
say 'Everything that was made on this machine is gone; the disk stays.'
[ ! -e "$nested_file" ] || say "Nested virtualisation stays on ($nested_file), because run-evc.sh --enable-nested was asked for it."
