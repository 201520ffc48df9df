# Talks to Eucalyptus by its own commands. Sourced by the steps, after common.sh.

# Prefix of the system's files: the tests run the steps in a folder.
: "${EVC_ROOT:=}"
: "${EVC_POLL_SECONDS:=5}"
: "${EVC_WAIT_PERCENT:=100}"
export EVC_ROOT

euca_home=$EVC_ROOT/var/lib/eucalyptus
euca_keys=$euca_home/keys
euca_etc=$EVC_ROOT/etc/eucalyptus
bridge=euca-priv-br0
# Without prefix length: what services are registered by.
own_address=${ADDRESS%/*}

# wait_for <seconds> <command...>: repeats the command until it succeeds; fails when the time is over, but not before
# the third try, for one try can take longer than that in emulation.
wait_for() {
  end=$(($(date +%s) + $1 * EVC_WAIT_PERCENT / 100))
  shift
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 3 ] || [ "$(date +%s)" -lt "$end" ] || return 1
    sleep "$EVC_POLL_SECONDS"
  done
}

# retry <times> <command...>: services that have just started refuse requests now and then.
retry() {
  left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep "$EVC_POLL_SECONDS"
  done
}

# with_credentials <command that prints them> -- <command...>: they are temporary, and are asked for anew each time.
with_credentials() (
  source=
  while [ "$1" != -- ]; do
    source="$source $1"
    shift
  done
  shift
  exports=$(timeout 60 $source 2>/dev/null) || exit 1
  eval "$exports"
  timeout 300 "$@"
)

# as_system <command...>: as the cloud's own administrator, straight from the database.
as_system() {
  with_credentials clcadmin-assume-system-credentials -- "$@"
}

# as_demo <command...>: as the administrator of the account demo.
as_demo() {
  with_credentials clcadmin-impersonate-user -a demo -u admin -- "$@"
}

# service_state <name>: enabled, notready, broken ..., or nothing when no such service is registered.
service_state() {
  as_system euserv-describe-services 2>/dev/null |
    awk -v name="$1" '{ for (i = 2; i < NF; i++) if ($i == name) { print $(i + 1); exit } }'
}

service_is() {
  [ "$(service_state "$1")" = "$2" ]
}

# property <key> <value>: sets it, unless it is right already: some can be set once only, to whatever value. What is read
# from a file (`@name`) is set each time. A request that timed out may have been carried out, so each try asks first.
property() {
  retry 5 set_property "$1" "$2" >/dev/null || fail "the cloud did not take the property $1=$2"
}

set_property() {
  case $2 in
    @*) ;;
    *) [ "$(as_system euctl -n "$1" 2>/dev/null)" != "$2" ] || return 0 ;;
  esac
  as_system euctl "$1=$2"
}

# start_unit <unit>
start_unit() {
  systemctl start "$1" || fail "$1 did not start: journalctl -u $1"
}

# on_disk <file...>: a name reaches the disk before the contents it stands for, and a power cut between leaves an empty
# file under it. sync of CentOS 7 takes no names: it says so, and writes everything.
on_disk() {
  sync "$@" 2>/dev/null
}

# write_file <path> [mode] [owner]: takes standard input; the file is whole and its owner's, or not there.
write_file() {
  mkdir -p "$(dirname "$1")"
  (
    umask 077
    cat >"$1.new"
  ) || fail "could not write $1"
  chmod "${2:-644}" "$1.new"
  [ -z "${3-}" ] || chown "$3" "$1.new" || fail "could not give $1 to $3"
  on_disk "$1.new"
  mv "$1.new" "$1"
}

# empty_cloud: stops the cloud and takes it out.
empty_cloud() {
  for unit in eucaconsole eucanetd eucalyptus-node eucalyptus-cloud tgtd; do
    systemctl stop "$unit" 2>/dev/null
  done
  delete_cloud
}

# delete_cloud: takes out all that a cloud has made of itself; folders stay, for nobody but the package, or the next boot,
# makes them again with their owners.
delete_cloud() {
  for folder in keys db tx bukkits volumes instances/work instances/cache CC; do
    empty_folder "$euca_home/$folder"
  done
  empty_folder "$EVC_ROOT/run/eucalyptus/net"
  rm -rf "$euca_home/nc_state.xml" "$EVC_ROOT/root/.euca" "$EVC_HOME/.euca"
  rm -f "$EVC_HOME/demo.pem" "$EVC_ROOT/etc/pki/tls/certs/eucaconsole.crt" "$EVC_ROOT/etc/pki/tls/private/eucaconsole.key" \
    "$EVC_ROOT/etc/eucaconsole/session-keys.ini"
}

# forget_cloud: empties it, and forgets that its steps were done; the copy's own identity stays. Cut short anywhere, it
# leaves a cloud that the step initialise takes for a half-made one, and empties again.
forget_cloud() {
  mkdir -p "$EVC_STATE/done"
  for marker in used demo-instance demo-rules demo-key demo-user administrator; do
    rm -f "$EVC_STATE/done/$marker"
  done
  : >"$EVC_STATE/initialising"
  rm -f "$EVC_STATE/done/initialise" "$EVC_STATE/cloud-address"
  empty_cloud
  rm -f "$EVC_STATE/initialising"
}
