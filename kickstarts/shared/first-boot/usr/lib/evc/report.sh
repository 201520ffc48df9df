# Tells consoles, landing page and log which state this copy is in. Sourced by the engine.

# Needs no escaping. Spelled out, for a range means other letters in other locales.
plain='ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;/_()=+-'

# json_string <text>: a JSON string. Control characters become spaces, other non-ASCII bytes question marks, so
# that whatever a failing program printed, the line stays one line and valid. Most strings are plain, and no program is
# started for those: in a first boot of the cloud that were 1500 processes.
json_string() {
  case $1 in
    *[!$plain]*)
      printf '"%s"' "$(printf '%s' "$1" | LC_ALL=C tr '\001-\037' ' ' | LC_ALL=C tr -c '\040-\176' '?' | sed 's/[\\"]/\\&/g')"
      ;;
    *) printf '"%s"' "$1" ;;
  esac
}

# json_pair <key> <value>
json_pair() {
  json_string "$1"
  printf :
  json_string "$2"
}

# state_json <state> [key value]...: state, appliance and version, the given pairs, the facts of this boot, the time.
state_json() {
  printf '{'
  json_pair state "$1"
  shift
  set -- appliance "$APPLIANCE_NAME" version "$APPLIANCE_VERSION" "$@"
  while [ $# -ge 2 ]; do
    printf ,
    json_pair "$1" "$2"
    shift 2
  done
  for path in "$EVC_RUN"/facts/*; do
    [ -e "$path" ] || continue
    printf ,
    json_pair "${path##*/}" "$(cat "$path")"
  done
  read -r uptime _ <"$EVC_PROC/uptime"
  printf ',"uptimeSeconds":%s}\n' "${uptime%%.*}"
}

# consoles: every device the kernel writes to, and even where nobody named them the first serial port and the console
# of a hypervisor (Xen's hvc0); tty0 is whichever screen is in front, so the line goes to the first one, where people
# look.
consoles() {
  {
    tr ' ' '\n' <"$EVC_SYS/class/tty/console/active" | sed 's/^tty0$/tty1/'
    echo ttyS0
    [ ! -e "$EVC_SYS/class/tty/hvc0" ] || echo hvc0
  } | awk 'NF && !seen[$0]++'
}

# to_console <device> <line>: one write, so that no other output stands in the middle of it. A hang-up by a starting
# log-in prompt makes the first try fail; a line without a listener must not hold up the boot.
to_console() {
  for attempt in 1 2; do
    timeout 5 sh -c 'printf "\n%s\n" "$2" >"$1"' sh "$EVC_DEV/$1" "$2" 2>/dev/null && return 0
    [ "$attempt" -eq 2 ] || sleep 0.3
  done
}

# report <state> [key value]...
report() {
  state=$1
  json=$(state_json "$@")
  printf '%s\n' "$json" >"$EVC_RUN/www/state.json.new"
  mv "$EVC_RUN/www/state.json.new" "$EVC_RUN/www/state.json"
  echo "EVC $json"
  write_issue "$state"
  for console in $(consoles); do to_console "$console" "EVC $json"; done
  case $state in ready | failed) : >"$EVC_RUN/final" ;; esac
}

# write_addresses: where this copy answers, also by the host's own ports, and by what a browser can know it.
write_addresses() {
  printf '\nReady: http://%s/\n' "$(fact address)"
  [ -z "$(fact forwarded)" ] ||
    printf 'On the host, if its ports lead here: http://127.0.0.1:%s/\n' "$(fact forwarded | sed 's/^http:\([0-9]*\).*/\1/')"
  [ -z "$(fact fingerprint)" ] || printf 'Certificate (SHA-256): %s\n' "$(fact fingerprint)"
  [ -z "$(fact settingsProblem)" ] || printf 'First-boot settings: %s\n' "$(fact settingsProblem)"
  echo
}

# reload_prompt: makes the log-in prompt of the screen show the new text. agetty before util-linux 2.24 (CentOS 7) has no
# --reload: it is started again, but not where login has taken its place: there somebody logs in, or has.
reload_prompt() {
  agetty --reload 2>/dev/null && return 0
  prompt=$(systemctl show --property=MainPID getty@tty1 2>/dev/null)
  [ "$(cat "$EVC_PROC/${prompt#MainPID=}/comm" 2>/dev/null)" = agetty ] || return 0
  systemctl --no-block try-restart getty@tty1
}

# write_issue <state>: what stands above the log-in prompt of the machine's screen.
write_issue() {
  (
    umask 077
    {
      case $1 in
        ready) write_addresses ;;
        failed) printf '\nThe set-up failed; it is tried again at the next start. See: journalctl -u evc-first-boot\n\n' ;;
        *) printf '\nSetting up (%s).\n\n' "$1" ;;
      esac
      case $1 in ready | failed) [ ! -s "$EVC_CREDENTIALS" ] || { print_credentials; echo; } ;; esac
    } >"$EVC_RUN/issue.new"
    mv "$EVC_RUN/issue.new" "$EVC_RUN/issue"
  )
  case $1 in ready | failed) reload_prompt ;; esac
  return 0
}
