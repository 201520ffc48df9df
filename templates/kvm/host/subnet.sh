
# --- subnet ----------------------------------------------------------------------------------------------------------

bridge=evcbr0
tap=evctap0
subnet=192.168.42.0/24
# The bridge's own hardware address: it marks the bridge as made here, and stays when a card joins.
bridge_mac=52:54:00:2a:01:01

host_address() { echo "${subnet%.*}.1"; }
guest_address() { echo "${subnet%.*}.2"; }

address_number() (
  IFS=.
  # shellcheck disable=SC2086 # the four parts are wanted
  set -- $1
  echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
)

is_network() { # a.b.c.0/24
  echo "$1" | awk -F '[./]' '{ exit !(/^[0-9]+\.[0-9]+\.[0-9]+\.0\/24$/ && $1 > 0 && $1 < 224 && $1 != 127 && $2 < 256 && $3 < 256) }'
}

overlap() { # a.b.c.d/n, a.b.c.d/n
  bits=32
  for each in "$1" "$2"; do
    case $each in */*) [ "${each#*/}" -ge "$bits" ] || bits=${each#*/} ;; esac
  done
  [ $(($(address_number "${1%/*}") >> (32 - bits))) -eq $(($(address_number "${2%/*}") >> (32 - bits))) ]
}

# "subnet device" of every network that this machine reaches by a route of its own, in any table. A VPN's 0.0.0.0/1 is a
# default route in two halves.
routes() {
  ip -4 route show table all | awk -v bridge="$bridge" '
    $1 ~ /^(local|unicast|unreachable|blackhole|prohibit)$/ { $1 = ""; $0 = $0 }
    $1 !~ /^[0-9]/ { next }
    { split($1, part, "/"); if (part[2] != "" && part[2] < 8) next
      device = "?"; for (i = 1; i < NF; i++) if ($i == "dev") device = $(i + 1)
      if (device != bridge) print $1, device }'
}

# taken <subnet>: prints the first route that shares addresses with it.
taken() {
  routes | while read -r route device; do
    if overlap "$1" "$route"; then echo "$device ($route)"; break; fi
  done
}

free_subnet() {
  for third in 43 44 45 52 62 142 242; do
    [ -n "$(taken "192.168.$third.0/24")" ] || { echo "192.168.$third.0/24"; return; }
  done
  for third in 42 43 44; do
    [ -n "$(taken "10.$third.$third.0/24")" ] || { echo "10.$third.$third.0/24"; return; }
  done
}

check_subnet() {
  by=$(taken "$subnet")
  [ -n "$by" ] || return 0
  other=$(free_subnet)
  if [ -n "$other" ]; then
    problem "The network $subnet is in use on this machine, by $by. Take a free one: run-evc.sh --subnet $other"
  else
    problem "The network $subnet is in use on this machine, by $by, and so are the others tried. Name a free one with --subnet, or start without a network of its own: run-evc.sh --user"
  fi
}
