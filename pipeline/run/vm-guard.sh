#!/bin/sh
# Starts QEMU so that it ends with its build: writes a lease, starts a watchdog, and becomes QEMU.
#
#   vm-guard.sh ARGUMENT...                        QEMU with these arguments, guarded
#   vm-guard.sh guard-groups OWNER LEASES          starts a watchdog for the groups with a lease, and returns
#   vm-guard.sh watch-vm, vm-guard.sh watch-groups the watchdogs themselves
#
# PIPELINE_QEMU    the real QEMU
# PIPELINE_LEASES  folder of the leases, absolute
# PIPELINE_OWNER   the pipeline, as pid:starttime
# PIPELINE_LABEL   what the VM is for
#
# A process is named by pid and start time everywhere: a pid alone may by now be somebody else's.
set -u

refuse() {
  echo "vm-guard.sh: $1" >&2
  exit 1
}

# Sets found_state, found_parent and found_start; fails when there is no such process.
look_at() {
  found_state='' found_parent='' found_start='' stat=''
  # The name in parentheses may hold blanks, parentheses and line breaks, so only what follows its end counts.
  { while IFS= read -r line; do stat=$line; done <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$stat" ] || return 1
  # Fields 3 (state), 4 (parent) and 22 (start time).
  set -- ${stat##*) }
  found_state=$1 found_parent=$2 found_start=${20}
}

# is_alive PID START
is_alive() {
  look_at "$1" || return 1
  [ "$found_start" = "$2" ] || return 1
  # Dead, and only not yet collected by its parent.
  case $found_state in Z | X) return 1 ;; esac
}

# is_owner_alive PID:START
is_owner_alive() {
  is_alive "${1%%:*}" "${1#*:}"
}

# Sets lease_pid, lease_start and lease_owner.
read_lease() {
  lease_pid='' lease_start='' lease_owner=''
  { while IFS='=' read -r key value; do
    case $key in
      pid) lease_pid=$value ;;
      start) lease_start=$value ;;
      owner) lease_owner=$value ;;
    esac
  done <"$1"; } 2>/dev/null
  [ -n "$lease_pid" ] && [ -n "$lease_start" ] && [ -n "$lease_owner" ]
}

# What the caller's caller left open must not stay open because of a watchdog. dash can close no descriptor above 9.
close_and_run='for path in /proc/self/fd/*; do [ "${path##*/}" -le 2 ] || eval "exec ${path##*/}>&-"; done; exec "$@"'

# start_watchdog ARGUMENT...: fails unless the watchdog is at work, in a session of its own.
# Its standard output is the answer's pipe until it has answered.
start_watchdog() {
  set -- sh "$0" "$@"
  if command -v bash >/dev/null; then set -- bash -c "$close_and_run" bash "$@"; fi
  answer=$(setsid "$@" </dev/null 2>/dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &)
  [ "$answer" = watching ]
}

begin_watching() {
  # No folder may stay in use because of a watchdog.
  cd /
  echo watching
  exec >/dev/null
}

# watch_vm PID START PARENT PARENT_START OWNER LEASE
watch_vm() {
  begin_watching
  while is_alive "$1" "$2"; do
    if ! is_alive "$3" "$4" || ! is_owner_alive "$5"; then
      is_alive "$1" "$2" && kill -s KILL "$1"
    fi
    sleep 1
  done
  # Another VM may have got the pid, and with it the lease's name.
  if read_lease "$6" && [ "$lease_start" = "$2" ]; then rm -f "$6"; fi
}

# watch_groups OWNER LEASES
watch_groups() {
  begin_watching
  while is_owner_alive "$1"; do sleep 1; done
  for lease in "$2"/group-*; do
    read_lease "$lease" && [ "$lease_owner" = "$1" ] || continue
    # Without its leader a group keeps its number, which no new process gets; with another leader it is not ours.
    if ! look_at "$lease_pid" || [ "$found_start" = "$lease_start" ]; then
      kill -s KILL -- "-$lease_pid" 2>/dev/null
    fi
    rm -f "$lease"
  done
}

run_vm() {
  for name in PIPELINE_QEMU PIPELINE_LEASES PIPELINE_OWNER PIPELINE_LABEL; do
    eval "[ -n \"\${$name:-}\" ]" || refuse "$name is not set: only the pipeline can start VMs with this program"
  done
  case $# in 1) case $1 in -version | --version | -help | --help | -h) exec "$PIPELINE_QEMU" "$1" ;; esac ;; esac
  is_owner_alive "$PIPELINE_OWNER" || refuse 'the pipeline has ended; no VM started'

  parent=$PPID
  look_at "$parent" || refuse 'what called this program has ended; no VM started'
  parent_start=$found_start
  look_at $$ || refuse 'cannot read /proc; no VM started'
  start=$found_start
  # Only now is it sure that the start time was the parent's: it was still there afterwards.
  [ "$found_parent" = "$parent" ] || refuse 'what called this program has ended; no VM started'

  lease=$PIPELINE_LEASES/$$
  temporary=$PIPELINE_LEASES/.$$.tmp
  read -r boot </proc/sys/kernel/random/boot_id
  mkdir -p "$PIPELINE_LEASES" &&
    printf 'pid=%s\nstart=%s\nboot=%s\nowner=%s\nlabel=%s\n' \
      $$ "$start" "$boot" "$PIPELINE_OWNER" "$PIPELINE_LABEL" >"$temporary" &&
    mv -f "$temporary" "$lease" || refuse "cannot write the lease $lease; no VM started"
  if ! start_watchdog watch-vm $$ "$start" "$parent" "$parent_start" "$PIPELINE_OWNER" "$lease"; then
    rm -f "$lease"
    refuse 'cannot start its watchdog (is setsid, of package util-linux, installed?); no VM started'
  fi
  exec "$PIPELINE_QEMU" "$@"
}

main() {
  case ${1:-} in
    guard-groups)
      shift
      start_watchdog watch-groups "$@" || refuse 'the watchdog does not answer'
      ;;
    watch-vm) shift && watch_vm "$@" ;;
    watch-groups) shift && watch_groups "$@" ;;
    *) run_vm "$@" ;;
  esac
}

# On one line: sh must not read on in a file that may have been replaced meanwhile.
main "$@"; exit
