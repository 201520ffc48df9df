
# --- waiting, by the page of the appliance ---------------------------------------------------------------------------

ask() { # address
  if has curl; then curl --silent --fail --max-time 5 "$1"; else wget -q -T 5 -O - "$1"; fi 2>/dev/null
}

wait_ready() { # address of the page, seconds
  [ "$2" -gt 0 ] || return 0
  has curl || has wget || { say "Without curl or wget it cannot be asked how far it is: open $1 in a few minutes."; return 0; }
  told='' left=$2
  while [ "$left" -gt 0 ]; do
    line=$(ask "$1state.json") || line=
    now=$(printf '%s\n' "$line" | field state)
    if [ "$now" != "$told" ]; then told=$now; tell "$now" "$line"; fi
    case $now in
      ready) tell_ready "$line"; return 0 ;;
      failed) fail 'The set-up failed; it is tried again at the next start. Its screen has more.' 4 ;;
    esac
    sleep 3
    left=$((left - 3))
  done
  fail "The appliance is not ready after $2 s. It goes on by itself; its screen and $1 tell how far it is." 4
}

tell_ready() { # line
  hint=$(printf '%s\n' "$1" | field nestedHint)
  [ -z "$hint" ] || say "No virtual machines inside yet: $hint"
  say 'It is ready. User, password and API token were made by this copy itself; they are on its screen above the log-in prompt.'
}
