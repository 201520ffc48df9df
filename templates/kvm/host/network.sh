
# --- bridge, NAT, DHCP -----------------------------------------------------------------------------------------------

device_exists() { [ -e "/sys/class/net/$1" ]; }
is_our_bridge() { [ "$(cat "/sys/class/net/$bridge/address" 2>/dev/null)" = "$bridge_mac" ]; }

make_bridge() {
  record bridge "$subnet"
  ip link add name "$bridge" address "$bridge_mac" type bridge stp_state 0 forward_delay 0
  ip address add "$(host_address)/24" dev "$bridge"
  ip link set dev "$bridge" up
}

remove_bridge() {
  ! is_our_bridge || ip link delete dev "$bridge"
}

make_tap() { # bridge it joins, user that may open it
  record tap "$1"
  ip tuntap add dev "$tap" mode tap user "$2"
  ip link set dev "$tap" master "$1"
  ip link set dev "$tap" up
}

# A card of this name that has joined no bridge is ours, too: the script ended before it joined one.
remove_tap() {
  device_exists "$tap" || return 0
  master=$(basename "$(readlink "/sys/class/net/$tap/master" 2>/dev/null)" 2>/dev/null) || true
  case ${master:-$1} in "$1") ip link delete dev "$tap" ;; esac
}

# The machine's own name servers are asked by dnsmasq; port 53 may be taken by a server of its own, then the guest is
# told of those servers.
start_dhcp() {
  record dhcp
  set -- --conf-file=/dev/null --pid-file="$state/dnsmasq.pid" --leasefile-ro --bind-interfaces --except-interface=lo \
    --interface="$bridge" --dhcp-authoritative --dhcp-range="${subnet%/*},static,12h" \
    --dhcp-host="$(mac),$(guest_address),$full_name_dns" --log-facility="$state/dnsmasq.log"
  dnsmasq "$@" 9>&- 2>"$state/dnsmasq.err" && return 0
  # shellcheck disable=SC2046 # one option for each server
  dnsmasq "$@" --port=0 $(name_servers) 9>&- 2>"$state/dnsmasq.err" ||
    fail "Could not start dnsmasq, which gives the appliance its address: $(tail -n 1 "$state/dnsmasq.err")" 4
}

full_name_dns=evc

name_servers() {
  servers=$(awk '$1 == "nameserver" && $2 !~ /^127\./ && $2 !~ /:/ { printf "%s%s", comma, $2; comma = "," }' /etc/resolv.conf)
  [ -z "$servers" ] || echo "--dhcp-option=6,$servers"
}

stop_dhcp() {
  end_process "$state/dnsmasq.pid" "$state/dnsmasq.pid"
  rm -f "$state"/dnsmasq.*
}

# end_process <pid file> <word of its command line>: a number that by now belongs to another program is left alone.
end_process() {
  pid=$(live_pid "$1" "$2") || return 0
  kill "$pid" 2>/dev/null || return 0
  # One that has ended and that nobody has asked for yet has no command line any more.
  for _ in $(seq 30); do
    live_pid "$1" "$2" >/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
}

live_pid() {
  [ -s "$1" ] || return 1
  read -r pid <"$1" || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -F -e "$2" || return 1
  echo "$pid"
}
