
# --- kernel values ---------------------------------------------------------------------------------------------------
# Switching ip_forward on or off makes the kernel reset others, accept_redirects among them. So all values are noted
# before and after the switch, and teardown puts back exactly those that the switch has changed.

kernel_values() {
  grep -r '' /proc/sys/net/ipv4 /proc/sys/net/ipv6 2>/dev/null |
    grep -v -e "/conf/$bridge/" -e "/conf/$tap/" -e "/neigh/$bridge/" -e "/neigh/$tap/" | LC_ALL=C sort
}

note_values() { # file; a file that bears this name is whole
  kernel_values >"$state/$1.new"
  mv "$state/$1.new" "$state/$1"
}

allow_forwarding() {
  [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || return 0
  note_values values.before
  record forwarding
  echo 1 >/proc/sys/net/ipv4/ip_forward
  note_values values.after
}

# A value that somebody else has changed since the switch stays as they left it.
wanted_values() {
  awk '
    { at = index($0, ":"); path = substr($0, 1, at - 1); value = substr($0, at + 1) }
    FILENAME ~ /before$/ { before[path] = value; next }
    FILENAME ~ /after$/ { after[path] = value; next }
    { print path ":" ((path in before) && after[path] == value ? before[path] : value) }
  ' "$state/values.before" "$state/values.after" "$state/values.now"
}

put_back_values() {
  [ -e "$state/values.before" ] || return 0
  if same_boot; then
    # Taken once: after a crash in the middle of this function it must not be taken from half-restored values.
    if [ ! -e "$state/values.wanted" ]; then
      note_values values.now
      # A crash between switch and note: then what differs now is what the switch did.
      [ -e "$state/values.after" ] || cp "$state/values.now" "$state/values.after"
      wanted_values >"$state/values.wanted.new"
      mv "$state/values.wanted.new" "$state/values.wanted"
    fi
    sed -n 's,^/proc/sys/net/ipv4/ip_forward:,,p' "$state/values.wanted" >/proc/sys/net/ipv4/ip_forward
    note_values values.now
    LC_ALL=C comm -23 "$state/values.wanted" "$state/values.now" | write_values
  fi
  rm -f "$state"/values.*
}

write_values() {
  while IFS=: read -r path value; do
    # A network card that has gone since then takes its values with it.
    [ ! -e "$path" ] || printf '%s\n' "$value" >"$path" || warn "Could not put $path back to $value."
  done
}
