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

# is_address <text>: four numbers from 0 to 255, with a prefix length when <text> holds a slash.
is_address() {
  echo "$1" | awk -F'[./]' '
    !/^[0-9]+(\.[0-9]+)(\.[0-9]+)(\.[0-9]+)(\/[0-9]+)?$/ { exit 1 }
    { for (i = 1; i <= 4; i++) if ($i > 255) exit 1; if (NF == 5 && ($5 < 8 || $5 > 30)) exit 1 }'
}

# read_network_settings: sets ADDRESS, GATEWAY, DNS and PUBLIC_ADDRESSES; a wrong one is the end, not a guess.
read_network_settings() {
  ADDRESS=$(setting address "$ADDRESS")
  GATEWAY=$(setting gateway "$GATEWAY")
  DNS=$(setting dns "$GATEWAY")
  PUBLIC_ADDRESSES=$(setting public-addresses "$PUBLIC_ADDRESSES")
  case $ADDRESS in */*) ;; *) fail "the setting address = $ADDRESS has no prefix length: write it like 192.168.42.2/24" ;; esac
  is_address "$ADDRESS" || fail "the setting address = $ADDRESS is no IPv4 address with a prefix length from 8 to 30"
  is_address "$GATEWAY" || fail "the setting gateway = $GATEWAY is no IPv4 address"
  is_address "$DNS" || fail "the setting dns = $DNS is no IPv4 address"
  own_address=${ADDRESS%/*}
}
