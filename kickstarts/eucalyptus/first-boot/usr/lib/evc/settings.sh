# The owner's settings for the first boot: lines `address = 10.0.0.5/24`, `gateway = 10.0.0.1`, `dns = 10.0.0.1`,
# `public-addresses = 10.0.0.100-10.0.0.199` in /etc/evc/settings, or in evc.conf on a disk or ISO with the label EVC. Read as text, never run. Sourced by steps.

: "${EVC_ROOT:=}"
: "${EVC_SETTINGS:=$EVC_ROOT/etc/evc/settings}"

# take_settings: from a disk with the label, if there is one, to the file that counts.
take_settings() {
  disk=$EVC_DEV/disk/by-label/EVC
  [ -e "$disk" ] || return 0
  mkdir -p "$EVC_RUN/settings"
  mount -o ro "$disk" "$EVC_RUN/settings" || fail 'the disk with the label EVC cannot be read'
  [ ! -e "$EVC_RUN/settings/evc.conf" ] || {
    cp "$EVC_RUN/settings/evc.conf" "$EVC_SETTINGS.new"
    mv "$EVC_SETTINGS.new" "$EVC_SETTINGS"
  }
  umount "$EVC_RUN/settings"
}

# setting <key> <default>
setting() {
  value=
  [ ! -e "$EVC_SETTINGS" ] || value=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\([^[:space:]#]*\).*/\1/p" "$EVC_SETTINGS" | tail -n 1)
  echo "${value:-$2}"
}

# is_address <text>: four numbers from 0 to 255, with a prefix length when <text> holds a slash. Leading zeros read as
# octal elsewhere.
is_address() {
  echo "$1" | awk -F'[./]' '
    !/^[0-9]+(\.[0-9]+)(\.[0-9]+)(\.[0-9]+)(\/[0-9]+)?$/ { exit 1 }
    { for (i = 1; i <= NF; i++) if ($i ~ /^0[0-9]/) exit 1
      for (i = 1; i <= 4; i++) if ($i > 255) exit 1; if (NF == 5 && ($5 < 8 || $5 > 30)) exit 1 }'
}

# is_single_address <text>
is_single_address() {
  case $1 in */*) return 1 ;; esac
  is_address "$1"
}

# is_range <text>: two addresses with a hyphen between them, the lower one first.
is_range() {
  case $1 in *-*-*) return 1 ;; *-*) ;; *) return 1 ;; esac
  is_single_address "${1%-*}" && is_single_address "${1#*-}" && [ "$(number "${1%-*}")" -le "$(number "${1#*-}")" ]
}

# in_range <address> <first-last>
in_range() {
  [ "$(number "$1")" -ge "$(number "${2%-*}")" ] && [ "$(number "$1")" -le "$(number "${2#*-}")" ]
}

# dotted <number>
dotted() {
  echo "$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"
}

# host_addresses <a.b.c.d/n>: the subnet's range without its first and last address, which no machine may bear.
host_addresses() {
  size=$((1 << (32 - ${1#*/})))
  first=$(($(number "${1%/*}") / size * size))
  echo "$(dotted $((first + 1)))-$(dotted $((first + size - 2)))"
}

# read_network_settings: sets ADDRESS, GATEWAY, DNS and PUBLIC_ADDRESSES; a wrong one is the end, not a guess.
read_network_settings() {
  ADDRESS=$(setting address "$ADDRESS")
  GATEWAY=$(setting gateway "$GATEWAY")
  DNS=$(setting dns "$GATEWAY")
  PUBLIC_ADDRESSES=$(setting public-addresses "$PUBLIC_ADDRESSES")
  case $ADDRESS in */*) ;; *) fail "the setting address = $ADDRESS has no prefix length: write it like 192.168.42.2/24" ;; esac
  is_address "$ADDRESS" || fail "the setting address = $ADDRESS is no IPv4 address with a prefix length from 8 to 30"
  is_single_address "$GATEWAY" || fail "the setting gateway = $GATEWAY is no IPv4 address"
  is_single_address "$DNS" || fail "the setting dns = $DNS is no IPv4 address"
  own_address=${ADDRESS%/*}
}

# check_network_settings: whether they fit each other, as the rules of the build ask of the defaults. Needs network.sh.
check_network_settings() {
  usable=$(host_addresses "$ADDRESS")
  overlap "$ADDRESS" "$BRIDGE_ADDRESS" &&
    fail "the setting address = $ADDRESS lies in the cloud's own subnet $BRIDGE_ADDRESS: choose one outside of it"
  in_range "$own_address" "$usable" || fail "the setting address = $ADDRESS is the subnet's own: choose one of $usable"
  in_range "$GATEWAY" "$usable" ||
    fail "the setting gateway = $GATEWAY is not in the subnet of address = $ADDRESS: choose one of $usable"
  [ "$GATEWAY" != "$own_address" ] || fail "the setting gateway = $GATEWAY is the address of this machine: choose another one of $usable"
  check_public_addresses
}

check_public_addresses() {
  named="the setting public-addresses = $PUBLIC_ADDRESSES"
  is_range "$PUBLIC_ADDRESSES" ||
    fail "$named is no range of IPv4 addresses: write first-last, like 192.168.42.100-192.168.42.199"
  for end in "${PUBLIC_ADDRESSES%-*}" "${PUBLIC_ADDRESSES#*-}"; do
    in_range "$end" "$usable" || fail "$named is not in the subnet of address = $ADDRESS: choose a range inside $usable"
  done
  ! in_range "$own_address" "$PUBLIC_ADDRESSES" ||
    fail "$named holds address = $ADDRESS: choose a range inside $usable without it, or another address"
  ! in_range "$GATEWAY" "$PUBLIC_ADDRESSES" || fail "$named holds gateway = $GATEWAY: choose a range inside $usable without it"
}
