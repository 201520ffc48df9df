
# --- the record of what was made -------------------------------------------------------------------------------------
# One line for each thing, written before the thing is made: a crash in between leaves nothing unknown behind.
# teardown-evc.sh reads it backwards. EVC_STATE moves the folder.

if [ -n "${EVC_STATE:-}" ]; then state=$EVC_STATE
elif [ "$(id -u)" -eq 0 ]; then state=/var/lib/evc-host
else state=${XDG_STATE_HOME:-${HOME:?}/.local/state}/evc-host
fi

boot_id() { cat /proc/sys/kernel/random/boot_id; }

open_state() {
  (umask 077 && mkdir -p "$state") || fail "Could not make $state, where the scripts note what they make." 3
  # Two starts at once would each undo the other's half. The lock ends with this script; children are started without it.
  if has flock; then
    exec 9>"$state/lock"
    flock -n 9 || fail 'Another of these scripts is at work. Wait for it to end, then try again.' 3
  fi
}

close_state() {
  rm -f "$state/lock"
  rmdir "$state" 2>/dev/null || true
}

record() {
  [ -e "$state/made" ] || printf 'boot %s\n' "$(boot_id)" >"$state/made"
  grep -q -x -F -e "$*" "$state/made" && return 0
  printf '%s\n' "$*" >>"$state/made"
  sync "$state/made" 2>/dev/null || sync
}

# recorded <kind>: the rest of the newest line of that kind, or nothing.
recorded() {
  [ ! -e "$state/made" ] || sed -n "s/^$1 //p" "$state/made" | tail -n 1
}

# What the kernel holds (devices, rules, values) is gone after a restart of this machine; files are not.
same_boot() { [ "$(recorded boot)" = "$(boot_id)" ]; }
