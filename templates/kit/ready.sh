
# --- waiting, by the page of the appliance ---------------------------------------------------------------------------
# One limit for all that is waited for, an address and then the page. The clock counts, not how often was asked.

deadline=

wait_from_now() { deadline=$(($(date +%s) + $1)); } # seconds
time_left() { [ "$(date +%s)" -lt "$deadline" ]; }

left() { # most: the seconds that are left, and no more than these
  rest=$((deadline - $(date +%s)))
  [ "$rest" -ge 1 ] || rest=1
  if [ "$rest" -lt "$1" ]; then echo "$rest"; else echo "$1"; fi
}

# in_time <seconds> <command...>: what it prints; one that takes longer is ended.
in_time() (
  end=$(($(date +%s) + $1))
  shift
  "$@" 2>/dev/null &
  asked=$!
  # A shell shields what it starts by & from Ctrl-C.
  trap 'kill -9 "$asked"; exit 130' HUP INT TERM
  while kill -0 "$asked" 2>/dev/null; do
    if [ "$(date +%s)" -ge "$end" ]; then kill -9 "$asked"; break; fi
    sleep 1
  done
  wait "$asked"
) 2>/dev/null

# wait_address <command...>: sets `address` to what the command prints, once that is one.
wait_address() {
  while time_left; do
    address=$(in_time "$(left 86400)" "$@") || address=
    case $address in
      *[!0-9.]*) ;;
      *.*.*.*) return 0 ;;
    esac
    sleep "$(left 3)"
  done
  return 1
}

# No proxy knows the way to the appliance. Not every wget has an option for that, or for a limit of its own.
ask() { # address, seconds
  if has curl; then curl --silent --fail --noproxy '*' --max-time "$2" "$1" 2>/dev/null
  else in_time "$2" env http_proxy= wget -q -t 1 -O - "$1"
  fi
}

wait_ready() { # address of the page, seconds
  [ "$2" -gt 0 ] || return 0
  has curl || has wget || { say "Without curl or wget it cannot be asked how far it is: open $1 in a few minutes."; return 0; }
  [ -n "$deadline" ] || wait_from_now "$2"
  told=''
  while time_left; do
    line=$(ask "$1state.json" "$(left 5)") || line=
    now=$(printf '%s\n' "$line" | field state)
    if [ "$now" != "$told" ]; then told=$now; tell "$now" "$line"; fi
    case $now in
      ready) tell_ready "$line"; return 0 ;;
      failed) fail 'The set-up failed; it is tried again at the next start. Its screen has more.' 4 ;;
    esac
    sleep "$(left 3)"
  done
  fail "The appliance is not ready after $2 s. It goes on by itself; its screen and $1 tell how far it is." 4
}

tell_ready() { # line
  hint=$(printf '%s\n' "$1" | field nestedHint)
  [ -z "$hint" ] || say "No virtual machines inside yet: $hint"
  say 'It is ready. User, password and API token were made by this copy itself; they are on its screen above the log-in prompt.'
}
