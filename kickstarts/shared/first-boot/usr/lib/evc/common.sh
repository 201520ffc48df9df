# Places, facts and markers: what the engine, its steps and the consoles share. Sourced, not run.
# Every place can be moved by the environment: the tests run the steps in an empty folder.

: "${EVC_LIB:=/usr/lib/evc}"
: "${EVC_CONFIG:=/etc/evc/appliance.env}"
: "${EVC_STATE:=/var/lib/evc}"
: "${EVC_RUN:=/run/evc}"
: "${EVC_CREDENTIALS:=/root/credentials}"
: "${EVC_SHARE:=/usr/share/evc}"
: "${EVC_HOME:=/home/evc}"
: "${EVC_SYS:=/sys}"
: "${EVC_PROC:=/proc}"
: "${EVC_DEV:=/dev}"
export EVC_LIB EVC_CONFIG EVC_STATE EVC_RUN EVC_CREDENTIALS EVC_SHARE EVC_HOME EVC_SYS EVC_PROC EVC_DEV

. "$EVC_CONFIG"

# fail <reason>: ends the step; the reason stands in the `failed` line.
fail() {
  echo "$*" >"$EVC_RUN/reason"
  echo "$*" >&2
  exit 1
}

# once <name> <command...>: runs the command until it has succeeded once in this copy's life. What it wrote is on the
# disk before its marker is: after a power cut no marker stands for files that are empty. `again` tells the command that
# an earlier try was cut short and may have left something half-made.
once() {
  marker=$EVC_STATE/done/$1
  [ ! -e "$marker" ] || return 0
  if [ -e "$marker.begun" ]; then again=yes; else again=; fi
  : >"$marker.begun"
  shift
  "$@" || return 1
  sync
  : >"$marker"
}

# done_before <name>
done_before() {
  [ -e "$EVC_STATE/done/$1" ]
}

# set_fact <key> [value]: a pair for the state lines of this boot; without a value the key is taken out.
set_fact() {
  if [ -n "${2-}" ]; then printf '%s' "$2" >"$EVC_RUN/facts/$1"
  else rm -f "$EVC_RUN/facts/$1"
  fi
}

# fact <key>: its value, or nothing.
fact() {
  [ ! -e "$EVC_RUN/facts/$1" ] || cat "$EVC_RUN/facts/$1"
}

# set_credential <key> <value>: one line of the root-only file. On a full disk the file stays as it was: it holds the
# only copy of the password.
set_credential() {
  [ "$(credential "$1")" != "$2" ] || return 0
  (
    umask 077
    { other_credentials "$1" && printf '%s: %s\n' "$1" "$2"; } >"$EVC_CREDENTIALS.new" &&
      sync "$EVC_CREDENTIALS.new" && mv "$EVC_CREDENTIALS.new" "$EVC_CREDENTIALS"
  ) && return 0
  rm -f "$EVC_CREDENTIALS.new"
  fail "could not write $EVC_CREDENTIALS: is the disk full? (df -h /)"
}

# other_credentials <key>: every line but that of the key. grep ends with 1 when there is none.
other_credentials() {
  [ -e "$EVC_CREDENTIALS" ] || return 0
  grep -v "^$1: " "$EVC_CREDENTIALS"
  [ $? -le 1 ]
}

# credential <key>: its value, or nothing.
credential() {
  [ ! -e "$EVC_CREDENTIALS" ] || sed -n "s/^$1: //p" "$EVC_CREDENTIALS"
}

# make_password: letters that lie on the same key of English, German and French keyboards and that no screen font confuses;
# 20 of 17 are 81 bits. Its failure ends a substitution only: password=$(make_password) || exit 1.
make_password() {
  password=$(LC_ALL=C tr -dc bcdefghjknprstuvx </dev/urandom | head -c 20)
  [ "${#password}" -eq 20 ] || fail 'could not make a password'
  printf '%s' "$password"
}

# print_credentials: the block that consoles show.
print_credentials() {
  echo '--- credentials of this copy ---'
  for key in $CREDENTIAL_KEYS; do
    echo "$key: $(credential "$key")"
  done
  echo '--- end of credentials ---'
}

# empty_folder <path>: the folder stays, with its owner.
empty_folder() {
  [ ! -d "$1" ] || find "$1" -mindepth 1 -delete
}

# wait_until <seconds> <command...>: tries twice a second; fails when the time is over.
wait_until() {
  tries=$(($1 * 2))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.5
  done
}
