# Finds this machine's network cards and addresses. Sourced by the steps that need them.

# network_cards: names of the physical (or emulated) Ethernet cards; bridges and veth pairs have no device behind them.
network_cards() {
  for path in "$EVC_SYS"/class/net/*; do
    [ -e "$path/device" ] && [ "$(cat "$path/type")" = 1 ] && echo "${path##*/}"
  done
}

# card_address <card>: its first IPv4 address of global scope, or nothing.
card_address() {
  ip -4 -o address show dev "$1" scope global | awk '{ split($4, part, "/"); print part[1]; exit }'
}

# uplink_address: the address by which others reach this machine: that of the default route's card, else the first.
uplink_address() {
  default=$(ip -4 route show default | awk '{ for (i = 1; i < NF; i++) if ($i == "dev") { print $(i + 1); exit } }')
  cards=$(network_cards)
  for card in $default $cards; do
    case " $(echo $cards) " in *" $card "*) ;; *) continue ;; esac
    address=$(card_address "$card")
    [ -z "$address" ] || { echo "$address"; return 0; }
  done
  return 1
}

# card_of <address>: the card that bears it, or nothing.
card_of() {
  ip -4 -o address show to "$1" scope global | awk '{ print $2; exit }'
}

# has_cable <card>: of a card that is not up the kernel does not say.
has_cable() {
  [ "$(cat "$EVC_SYS/class/net/$1/carrier" 2>/dev/null)" = 1 ]
}

all_have_cables() {
  for card in $(network_cards); do has_cable "$card" || return 1; done
}

# first_card [preferred]: the first card with a cable in it, else the first; the preferred one, if it is there, before all
# others. It only looks, for cards are switched on and off by whoever manages them; a link takes some seconds.
first_card() {
  wait_until 5 all_have_cables
  choose_card "${1-}"
}

# choose_card <preferred>
choose_card() {
  cards=$(network_cards)
  for card in $cards; do
    [ "$card" != "$1" ] || cards="$card $cards"
  done
  for card in $cards; do
    ! has_cable "$card" || { echo "$card"; return 0; }
  done
  echo "${cards%%[[:space:]]*}"
}

# number <a.b.c.d>: the address as one number.
number() {
  saved=$IFS
  IFS=.
  set -- $1
  IFS=$saved
  echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
}

# overlap <a.b.c.d/n> <a.b.c.d/n>: whether the two subnets share an address; without /n it is one address.
overlap() {
  bits=32
  for subnet in "$1" "$2"; do
    case $subnet in
      */*) [ "${subnet#*/}" -ge "$bits" ] || bits=${subnet#*/} ;;
    esac
  done
  [ $(($(number "${1%/*}") >> (32 - bits))) -eq $(($(number "${2%/*}") >> (32 - bits))) ]
}

# free_subnet <own bridge> <candidate...>: the first candidate that no route of this machine touches.
free_subnet() {
  bridge=$1
  shift
  routes=$(ip -4 route show | awk -v bridge="$bridge" '/^[0-9]/ && !index($0 " ", " dev " bridge " ") { print $1 }')
  for candidate; do
    taken=
    for route in $routes; do
      ! overlap "$candidate" "$route" || taken=yes
    done
    [ -n "$taken" ] || { echo "$candidate"; return 0; }
  done
  return 1
}
