
# --- how far the appliance is ----------------------------------------------------------------------------------------
# It says so on its serial line, which is in a file: EVC {"state":"network",...}

serial_log() {
  case $(recorded qemu)$(recorded libvirt) in '') echo "$state/serial.log" ;; *) libvirt_log ;; esac
}

alive() {
  name=$(recorded libvirt)
  if [ -n "$name" ]; then live_libvirt "$name"; else live_qemu >/dev/null; fi
}

state_lines() { tr -d '\r\000' 2>/dev/null <"$(serial_log)" | grep '^EVC {'; }

wait_ready() { # seconds
  seen=0
  for _ in $(seq "$1"); do
    lines=$(state_lines) || lines=
    count=$(printf '%s' "$lines" | grep -c '') || count=0
    while [ "$seen" -lt "$count" ]; do
      seen=$((seen + 1))
      line=$(printf '%s\n' "$lines" | sed -n "${seen}p")
      tell "$(printf '%s\n' "$line" | field state)" "$line"
    done
    case $(printf '%s\n' "$lines" | tail -n 1 | field state) in
      ready) return 0 ;;
      failed) fail 'The set-up failed; it is tried again at the next start. The serial log has more: status --log' 4 ;;
    esac
    alive || fail "The appliance has stopped before it was ready. What it said last: $(last_words)" 4
    sleep 1
  done
  fail "The appliance is not ready after $1 s. It goes on by itself; look again with: status" 4
}

last_words() { tr -d '\r\000' <"$(serial_log)" 2>/dev/null | grep -v '^ *$' | tail -n 1 | cut -c 1-200; }

show_addresses() {
  line=$(state_lines | tail -n 1)
  print_addresses "$(printf '%s\n' "$line" | field address)" "$(recorded forwarded)"
  hint=$(printf '%s\n' "$line" | field nestedHint)
  [ -z "$hint" ] || say "No virtual machines inside yet: $hint"
  say 'User, password and API token were made by this copy itself: status --credentials'
}
