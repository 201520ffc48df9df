
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

field() { # name, from a state line on stdin
  sed -n "s/.*\"$1\":\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" | sed 's/\\\(.\)/\1/g'
}

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

tell() { # state, line
  case $1 in
    booting) say 'The appliance is starting.' ;;
    identity) say 'It makes its own keys and passwords.' ;;
    network) say 'It looks for its network.' ;;
    cloud) say 'It sets up the cloud.' ;;
    demo) say 'It starts the demo.' ;;
    failed) say "Step $(printf '%s\n' "$2" | field step) failed: $(printf '%s\n' "$2" | field reason)" ;;
  esac
}

# port_of <name>: the port of this machine that leads to it, from http:8080,console:9090,...
port_of() { printf '%s\n' "$forwarded" | tr ',' '\n' | sed -n "s/^$1://p"; }

# show_addresses: what a browser or client on this machine is given; results go to stdout.
show_addresses() {
  forwarded=$(recorded forwarded)
  address=$(state_lines | tail -n 1 | field address)
  if [ -n "$forwarded" ]; then
    echo "page     http://127.0.0.1:$(port_of http)/"
    echo "console  https://127.0.0.1:$(port_of console)/"
    echo "API      https://127.0.0.1:$(port_of api)"
    echo "SSH      ssh -p $(port_of ssh) evc@127.0.0.1"
  else
    echo "page     http://$address/"
    echo "console  https://$address:9090/"
    echo "API      https://$address:8443"
    echo "SSH      ssh evc@$address"
  fi
  hint=$(state_lines | tail -n 1 | field nestedHint)
  [ -z "$hint" ] || say "No virtual machines inside yet: $hint"
  say 'User, password and API token were made by this copy itself: status --credentials'
}
