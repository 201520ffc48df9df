# What this copy of Cloud in a box is made of: the parts that run-evc.sh, teardown-evc.sh and status share. Sourced by them.
# shellcheck shell=sh disable=SC2034,SC2154 # the scripts that source this set the rest

title='Cloud in a box'
version='0.1.0+20260101.0123abcd'
full_name='ciab-0.1.0+20260101.0123abcd'
disk_name='ciab-0.1.0+20260101.0123abcd.qcow2'
memory='4096'
cpus='2'
nested=yes
ready_seconds='300'

# --- how the scripts speak -------------------------------------------------------------------------------------------

me=${0##*/}
say() { printf '%s: %s\n' "$me" "$*" >&2; }
warn() { printf '%s: !! %s\n' "$me" "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

number() { # option, value, least, most
  case $2 in
    '' | *[!0-9]* | ??????????*) fail "$1 takes a number, found \"$2\"." 2 ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then fail "$1 takes a number from $3 to $4, found $2." 2; fi
}

word() { # option, value: a name that no program takes for something else
  case $2 in '' | -* | *[!A-Za-z0-9._-]*) fail "$1 takes a name, found \"$2\"." 2 ;; esac
}

has() { command -v "$1" >/dev/null 2>&1; }

# Problems are collected, so that one run tells all of them.
problems=0
problem() { problems=$((problems + 1)); say "$*"; }

# --- what the appliance says of itself -------------------------------------------------------------------------------
# EVC {"state":"network",...} on its consoles, and the same as /state.json on its page.

field() { # name, from a state line on stdin
  # A basic expression has no alternatives but in GNU's sed, and a Mac has another.
  sed -E -n "s/.*\"$1\":\"(([^\"\\\\]|\\\\.)*)\".*/\1/p" | sed 's/\\\(.\)/\1/g'
}

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

# port_of <name> <list>: the port of this machine that leads to it, from http:8080,console:9090,...
port_of() { printf '%s\n' "$2" | tr ',' '\n' | sed -n "s/^$1://p"; }

# print_addresses <address> [forwarded ports]: what a browser or client on this machine is given; results go to stdout.
print_addresses() {
  if [ -n "${2:-}" ]; then
    echo "page     http://127.0.0.1:$(port_of http "$2")/"
    echo "console  https://127.0.0.1:$(port_of console "$2")/"
    echo "API      https://127.0.0.1:$(port_of api "$2")"
    echo "SSH      ssh -p $(port_of ssh "$2") evc@127.0.0.1"
  else
    echo "page     http://$1/"
    echo "console  https://$1:9090/"
    echo "API      https://$1:8443"
    echo "SSH      ssh evc@$1"
  fi
}

# --- ports of this machine that lead to the appliance ----------------------------------------------------------------

listening() { # port
  if [ -r /proc/net/tcp ]; then
    hex=$(printf ':%04X$' "$1")
    # Without IPv6 there is no tcp6, and awk would end at a file that it cannot open.
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex="$hex" '$4 == "0A" && $2 ~ hex { found = 1 } END { exit !found }'
  else netstat -an -p tcp 2>/dev/null | grep -q "[.:]$1 .*LISTEN"
  fi
}

# free_port <first choice>: it or the next one that nobody listens on and that was not given away.
free_port() {
  port=$1
  while listening "$port" || case ",$forwarded," in *":$port,"*) true ;; *) false ;; esac; do port=$((port + 1)); done
  echo "$port"
}

# --- the record of what was made -------------------------------------------------------------------------------------
# One line for each thing, written before the thing is made: a crash in between leaves nothing unknown behind.
# teardown-evc.sh reads it backwards. EVC_STATE moves the folder.

if [ -n "${EVC_STATE:-}" ]; then state=$EVC_STATE
elif [ "$(id -u)" -eq 0 ]; then state=/var/lib/evc-host
else state=${XDG_STATE_HOME:-${HOME:?}/.local/state}/evc-host
fi

boot_id() { cat /proc/sys/kernel/random/boot_id; }

open_state() {
  (umask 077 && mkdir -p "$state") || fail "Could not make $state, where the scripts note what they make." 3
  # Two starts at once would each undo the other's half. The lock ends with this script; children are started without it.
  if has flock; then
    exec 9>"$state/lock"
    flock -n 9 || fail 'Another of these scripts is at work. Wait for it to end, then try again.' 3
  fi
}

close_state() {
  rm -f "$state/lock"
  rmdir "$state" 2>/dev/null || true
}

record() {
  [ -e "$state/made" ] || printf 'boot %s\n' "$(boot_id)" >"$state/made"
  grep -q -x -F -e "$*" "$state/made" && return 0
  printf '%s\n' "$*" >>"$state/made"
  sync "$state/made" 2>/dev/null || sync
}

# recorded <kind>: the rest of the newest line of that kind, or nothing.
recorded() {
  [ ! -e "$state/made" ] || sed -n "s/^$1 //p" "$state/made" | tail -n 1
}

# What the kernel holds (devices, rules, values) is gone after a restart of this machine; files are not.
same_boot() { [ "$(recorded boot)" = "$(boot_id)" ]; }

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

# --- NAT and the machine's own firewall ------------------------------------------------------------------------------
# What hides the appliance behind this machine's addresses is a table of our own. An accept there cannot overrule the
# drop of another table, so where forwarding is dropped a rule goes to the place its owner has for that: firewalld's
# zone, ufw's route rules, Docker's DOCKER-USER, else the head of the closed chain. Each bears this comment.

mark=evc-host

allow_traffic() {
  if has nft; then
    record nft-table
    nft -f - <<END
add table ip evc_host
flush table ip evc_host
table ip evc_host {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr $subnet ip daddr != $subnet masquerade
  }
}
END
  else
    iptables_rule nat -A POSTROUTING -s "$subnet" ! -d "$subnet" -j MASQUERADE
  fi
  open_firewall
}

open_firewall() {
  if has firewall-cmd && [ "$(firewall-cmd --state 2>/dev/null)" = running ]; then
    open_firewalld
  elif has ufw && LC_ALL=C ufw status 2>/dev/null | grep -q '^Status: active'; then
    open_ufw
  else
    open_iptables
  fi
  has nft || return 0
  closed_chains | while read -r hook family table chain; do open_chain "$hook" "$family" "$table" "$chain"; done
}

open_firewalld() {
  zone=trusted
  case " $(firewall-cmd --get-zones) " in *' libvirt '*) zone=libvirt ;; esac
  record firewalld "$zone"
  firewall-cmd --quiet --zone="$zone" --add-interface="$bridge"
}

open_ufw() {
  for rule in "route allow in on $bridge" "allow in on $bridge to any port 67 proto udp" "allow in on $bridge to any port 53"; do
    record ufw "$rule"
    # shellcheck disable=SC2086 # the words of the rule
    ufw $rule comment "$mark" >/dev/null
  done
}

open_iptables() {
  has iptables || return 0
  if iptables -w -n -L DOCKER-USER >/dev/null 2>&1; then forward_rules DOCKER-USER
  elif closed_by_iptables FORWARD; then forward_rules FORWARD
  fi
  closed_by_iptables INPUT || return 0
  iptables_rule filter -I INPUT -i "$bridge" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
  iptables_rule filter -I INPUT -i "$bridge" -p udp -m multiport --dports 53,67 -j ACCEPT
}

# Closed is a chain that drops or rejects what no rule of it accepts: by its policy, by a rule without a condition, or
# in another chain that such a rule leads to. A comment is no condition.
closed_by_iptables() { # chain
  iptables -w -S 2>/dev/null | sed -e 's/ -m comment --comment "[^"]*"//' -e 's/ -m comment --comment [^ ]*//' | awk -v chain="$1" '
    function is_closed(at, count, to, i) {
      if (at in closed) return 1
      count = split(leads[at], to, " ")
      for (i = 1; i <= count; i++) if (is_closed(to[i])) return 1
      return 0
    }
    $1 == "-P" && $3 == "DROP" { closed[$2] }
    $1 == "-A" && ($3 == "-j" || $3 == "-g") { if ($4 == "DROP" || $4 == "REJECT") closed[$2]; else leads[$2] = leads[$2] " " $4 }
    END { exit !is_closed(chain) }'
}

forward_rules() {
  iptables_rule filter -I "$1" -i "$bridge" -j ACCEPT
  iptables_rule filter -I "$1" -o "$bridge" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
}

iptables_rule() { # table, -A or -I, chain, rule
  table=$1 how=$2 chain=$3
  shift 3
  record iptables "$table $chain $* -m comment --comment $mark"
  iptables -w -t "$table" "$how" "$chain" "$@" -m comment --comment "$mark"
}

# "hook family table chain" of each chain on the way of the appliance's packets that drops or rejects what no rule of it
# accepts. Those of firewalld have their zones; those that iptables keeps were seen to by open_iptables.
closed_chains() {
  nft list ruleset 2>/dev/null | awk '
    $1 == "table" { family = $2; table = $3; next }
    $1 == "chain" { chain = $2; hook = ""; closed = 0; next }
    $1 == "type" { hook = $4; closed = /policy drop/; next }
    $1 == "}" && chain != "" { if (closed && (hook == "forward" || hook == "input")) print hook, family, table, chain; chain = ""; next }
    chain != "" { if (/^[ \t]*(counter packets [0-9]+ bytes [0-9]+ )?(drop|reject)/) closed = 1 }
  ' | grep -v -e ' inet firewalld ' -e "$(kept_by_iptables)"
}

kept_by_iptables() {
  if has iptables; then echo ' ip filter [A-Z]*$'; else echo '^$'; fi
}

open_chain() { # hook, family, table, chain
  record nft-rule "$2 $3 $4"
  nft insert rule "$2" "$3" "$4" iifname "$bridge" ct state established,related accept comment "\"$mark\""
  if [ "$1" = forward ]; then
    nft insert rule "$2" "$3" "$4" oifname "$bridge" ct state established,related accept comment "\"$mark\""
    nft insert rule "$2" "$3" "$4" iifname "$bridge" accept comment "\"$mark\""
  else
    nft insert rule "$2" "$3" "$4" iifname "$bridge" udp dport '{ 53, 67 }' accept comment "\"$mark\""
  fi
}

close_chain() { # family, table, chain
  nft -a list chain "$1" "$2" "$3" 2>/dev/null | sed -n "s/.*comment \"$mark\" # handle //p" | while read -r handle; do
    nft delete rule "$1" "$2" "$3" handle "$handle"
  done
}

remove_iptables_rule() { # table, chain, rule
  table=$1 chain=$2
  shift 2
  while iptables -w -t "$table" -C "$chain" "$@" 2>/dev/null; do iptables -w -t "$table" -D "$chain" "$@"; done
}

remove_table() {
  ! nft list table ip evc_host >/dev/null 2>&1 || nft delete table ip evc_host
}

remove_ufw_rule() {
  # shellcheck disable=SC2086 # the words of the rule
  case $1 in
    route\ *) ufw route delete ${1#route } ;;
    *) ufw delete $1 ;;
  esac >/dev/null 2>&1 || true
}

# --- what this machine must have -------------------------------------------------------------------------------------

qemu=${QEMU:-qemu-system-x86_64}
# For QEMU itself beside the guest's memory, and for what the appliance writes in its first days.
qemu_memory_mib=300
disk_growth_mib=3072

check_machine() {
  [ "$(uname -m)" = x86_64 ] ||
    problem "The appliance is for x86-64 processors, this machine is $(uname -m). Take another machine."
  [ "$engine" = libvirt ] || has "$qemu" ||
    problem "Could not find $qemu. Install it (Debian, Ubuntu: apt install qemu-system-x86; Fedora: dnf install qemu-kvm), or name it: QEMU=/path/to/qemu run-evc.sh"
  check_disk
  check_memory
}

check_disk() {
  if [ ! -f "$disk" ]; then problem "Could not find $disk: run-evc.sh and the disk belong in one folder."
  elif [ ! -r "$disk" ]; then problem "Could not read $disk: permission denied. Make it readable: chmod u+r '$disk'"
  elif [ "$snapshot" = no ] && [ ! -w "$disk" ]; then
    problem "Could not write to $disk, and the appliance keeps its state there. Make it writable, or start with --snapshot."
  else
    free=$(df -Pm -- "$disk" | awk 'NR == 2 { print $4 }')
    [ "${free:-0}" -ge "$disk_growth_mib" ] || [ "$snapshot" = yes ] ||
      problem "The disk grows while it is used: $disk_growth_mib MiB should be free in $here, $free MiB are. Free some, or move the folder."
  fi
}

check_memory() {
  available=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  [ "${available:-0}" -ge $((memory + qemu_memory_mib)) ] ||
    problem "The appliance needs $((memory + qemu_memory_mib)) MiB of memory, $available MiB are free. Close something, or try less: --memory $((available > 1500 ? available - qemu_memory_mib : 1200))"
}

# A /dev/kvm that opens is not yet one that works, so a machine with the host's processor is made and thrown away.
kvm_problem() {
  if [ ! -e /dev/kvm ]; then
    echo 'there is no /dev/kvm (switch on VT-x or AMD-V in the firmware, then: sudo modprobe kvm_intel, or kvm_amd)'
  elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
    echo "/dev/kvm may not be used by $(id -un) (sudo usermod -aG kvm $(id -un), then log in again)"
  elif has "$qemu" && ! answer=$(exec 2>&1; echo quit | "$qemu" -accel kvm -cpu host -machine q35 -m 64 -nodefaults -display none -S -monitor stdio); then
    echo "/dev/kvm opens but makes no machine ($(printf '%s\n' "$answer" | grep -i -m 1 -e 'error' -e 'failed' -e 'denied' || echo 'no reason given'))"
  fi
}

choose_acceleration() {
  [ "$accel" != tcg ] || return 0
  reason=$(kvm_problem)
  if [ -z "$reason" ]; then accel=kvm
  elif [ "$accel" = kvm ]; then problem "KVM does not work here: $reason."
  else
    accel=tcg
    warn "KVM does not work here: $reason."
    warn 'Going on in emulation: everything works, but many times slower.'
  fi
}

kvm_module() {
  if grep -q -m 1 -e '^vendor_id.*AMD' -e '^vendor_id.*Hygon' /proc/cpuinfo; then echo kvm_amd; else echo kvm_intel; fi
}

# nesting: on, off, or absent where this kernel's KVM cannot nest.
nesting() {
  module=$(kvm_module)
  setting=/sys/module/$module/parameters/nested
  if [ -r "$setting" ]; then
    case $(cat "$setting") in [Yy1]*) echo on ;; *) echo off ;; esac
  elif has modinfo && modinfo -p "$module" 2>/dev/null | grep -q '^nested:'; then echo off
  else echo absent
  fi
}

nested_file=/etc/modprobe.d/evc-nested.conf

check_nesting() {
  if [ "$nested" = no ] || [ "$accel" != kvm ]; then return 0; fi
  module=$(kvm_module)
  case $(nesting) in
    off)
      warn 'Nested virtualisation is off on this machine: the cloud inside will run containers, but no virtual machines.'
      warn "Switch it on with no virtual machine running: sudo run-evc.sh --enable-nested (it writes \"options $module nested=1\" to $nested_file)." ;;
    absent)
      warn "This kernel's $module has no setting \"nested\": the cloud inside will run containers, but no virtual machines. A Linux of 4.20 or newer has it." ;;
  esac
}

enable_nested() {
  require_root --enable-nested
  module=$(kvm_module)
  [ "$(nesting)" != on ] || { say 'Nested virtualisation is on already.'; return 0; }
  (umask 022; printf '# Written by run-evc.sh --enable-nested.\noptions %s nested=1\n' "$module" >"$nested_file.new")
  mv "$nested_file.new" "$nested_file"
  if ! modprobe -r "$module" 2>/dev/null; then
    fail "$nested_file is written, but $module is in use. Stop the virtual machines of this machine and try again, or restart it." 3
  fi
  modprobe "$module"
  [ "$(nesting)" = on ] || fail "$module was loaded again, but nested virtualisation is still off. See: dmesg | grep -i kvm" 3
  say "Nested virtualisation is on, and stays on ($nested_file)."
}

require_root() { # what for
  [ "$(id -u)" -eq 0 ] || fail "$1 needs root: sudo $me $1" 3
}

# Every record was taken back before this: whatever still bears the name is somebody else's.
check_libvirt_name() {
  ! libvirt_has "$full_name" ||
    problem "libvirt has a machine $full_name already that run-evc.sh has not made. Use that one (sudo virsh --connect qemu:///system start $full_name), remove it (sudo virsh --connect qemu:///system undefine $full_name --nvram), or start without libvirt: --qemu"
}

# The user that libvirt runs QEMU as must be able to pass every folder above the disk.
check_parents() {
  runs_as=$(sed -n 's/^ *user *= *"\{0,1\}\([^" ]*\).*/\1/p' /etc/libvirt/qemu.conf 2>/dev/null | tail -n 1)
  for name in ${runs_as:-libvirt-qemu qemu}; do
    if id "$name" >/dev/null 2>&1; then runs_as=$name; break; fi
  done
  folder=$here
  while :; do
    passable "$folder" "$runs_as" ||
      problem "libvirt's user ${runs_as:-qemu} may not enter $folder. Let it: sudo chmod o+x '$folder', or start without libvirt: --qemu"
    [ "$folder" != / ] || break
    folder=$(dirname -- "$folder")
  done
}

passable() { # folder, user
  if has runuser && id "$2" >/dev/null 2>&1; then runuser -u "$2" -- test -x "$1"
  else case $(stat -c %A -- "$1") in *[xt]) ;; *) return 1 ;; esac
  fi
}

bridges() {
  found=
  for each in /sys/class/net/*/bridge; do
    [ ! -d "$each" ] || { each=${each%/bridge}; found="$found ${each##*/}"; }
  done
  echo "${found:-none}" | sed 's/^ //'
}

check_network_tools() {
  has ip || problem 'Could not find "ip", needed to make a bridge. Install it (Debian, Ubuntu: apt install iproute2; Fedora: dnf install iproute), or start without a network of its own: --user'
  has nft || has iptables ||
    problem 'Could not find "nft" or "iptables", needed to lead the appliance outside. Install nftables, or start without a network of its own: --user'
  ! device_exists "$bridge" || is_our_bridge ||
    problem "There is a device $bridge on this machine that run-evc.sh has not made. Use it if it is yours: --bridge $bridge, or remove it: sudo ip link delete $bridge"
  ! device_exists "$tap" || [ "$engine" != qemu ] ||
    problem "There is a device $tap on this machine that run-evc.sh has not made. Remove it: sudo ip link delete $tap"
  if ! has dnsmasq; then
    [ "$subnet" = 192.168.42.0/24 ] ||
      problem "Could not find \"dnsmasq\", needed to give the appliance an address in $subnet. Install it (Debian, Ubuntu: apt install dnsmasq-base; Fedora: dnf install dnsmasq), or leave out --subnet."
    warn 'There is no dnsmasq: the appliance waits for an address a while, then takes 192.168.42.2 by itself, without name servers.'
  fi
}

# --- forwarded ports, where the appliance has no network of its own ----------------------------------------------------

# Sets `forwarded` (http:8080,...) and `netdev`; every port is this machine's own, no neighbour reaches it.
forward_ports() {
  forwarded=
  netdev=user,id=net
  for line in "http 80 $http_port" "console 9090 $console_port" "api 8443 $api_port" "ssh 22 $ssh_port"; do
    # shellcheck disable=SC2086 # three words
    set -- $line
    port=$(free_port "$3")
    [ "$port" = "$3" ] || say "Port $3 is in use on this machine; $1 is at $port."
    forwarded=$forwarded${forwarded:+,}$1:$port
    netdev=$netdev,hostfwd=tcp:127.0.0.1:$port-:$2
  done
}

# --- the virtual machine, by QEMU ------------------------------------------------------------------------------------

# In QEMU's options a comma ends a value unless it is doubled.
escape() { printf '%s' "$1" | sed 's/,/,,/g'; }

# Stable for one copy of the disk, different for another: two copies may meet on one bridge.
mac() {
  sum=$(printf '%s %s' "$(uname -n)" "$disk" | cksum | cut -d ' ' -f 1)
  printf '52:54:00:%02x:%02x:%02x' $((sum / 65536 % 256)) $((sum / 256 % 256)) $((sum % 256))
}

find_firmware() {
  while read -r code vars; do
    if [ -r "$code" ] && [ -r "$vars" ]; then
      echo "$code $vars"
      return
    fi
  done <<END
/usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_VARS_4M.fd
/usr/share/OVMF/OVMF_CODE.fd /usr/share/OVMF/OVMF_VARS.fd
/usr/share/edk2/ovmf/OVMF_CODE.fd /usr/share/edk2/ovmf/OVMF_VARS.fd
/usr/share/edk2/x64/OVMF_CODE.4m.fd /usr/share/edk2/x64/OVMF_VARS.4m.fd
/usr/share/edk2-ovmf/x64/OVMF_CODE.fd /usr/share/edk2-ovmf/x64/OVMF_VARS.fd
/usr/share/edk2-ovmf/OVMF_CODE.fd /usr/share/edk2-ovmf/OVMF_VARS.fd
/usr/share/qemu/ovmf-x86_64-code.bin /usr/share/qemu/ovmf-x86_64-vars.bin
/usr/share/qemu/edk2-x86_64-code.fd /usr/share/qemu/edk2-i386-vars.fd
END
}

processors() {
  # QEMU 7.2 was seen to crash a guest when emulating on several threads; 10.0 does not.
  release=$("$qemu" --version 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p')
  if [ "$accel" = tcg ] && [ "$cpus" -gt 1 ] && [ "${release:-0}" -lt 10 ]; then
    warn "One processor only: emulation on several is not reliable before QEMU 10, this is ${release:-unknown}."
    cpus=1
  fi
}

# The scripts talk to a QEMU without a terminal: its serial line and its monitor are pseudo terminals, whose names it
# prints; what the guest says is in a file, too.
start_qemu() { # print or start
  set -- "$1" -name "$(escape "$title $version")" -machine q35 -smp "$cpus" -m "$memory"
  if [ "$accel" = kvm ]; then
    set -- "$@" -accel kvm -cpu host
  else
    # EPYC: QEMU emulates its virtualisation, so even here the cloud can start virtual machines.
    set -- "$@" -accel tcg,thread=multi -cpu EPYC
  fi
  if [ "$firmware" = uefi ]; then
    vars=${found_firmware#* }
    if [ "$snapshot" = no ]; then
      [ "$1" = print ] || [ -e "$nvram" ] || { cp "$vars" "$nvram" && chmod u+w "$nvram"; }
      vars=$nvram
    fi
    set -- "$@" -drive "if=pflash,unit=0,format=raw,readonly=on,file=$(escape "${found_firmware% *}")"
    set -- "$@" -drive "if=pflash,unit=1,format=raw,file=$(escape "$vars")"
  fi
  set -- "$@" -drive "if=none,id=disk,format=qcow2,discard=unmap,file=$(escape "$disk")" -device virtio-blk-pci,drive=disk,bootindex=0
  [ -z "$settings" ] || set -- "$@" -drive "if=virtio,format=raw,readonly=on,file=$(escape "$settings")"
  [ "$snapshot" = no ] || set -- "$@" -snapshot
  set -- "$@" -netdev "$netdev" -device "virtio-net-pci,netdev=net,mac=$(mac)" -device virtio-rng-pci
  [ "$mode" != user ] || set -- "$@" -fw_cfg "name=opt/org.evc/forwarded,string=$(escape "$forwarded")"
  set -- "$@" -chardev "pty,id=serial,logfile=$(escape "$state/serial.log"),logappend=off" -serial chardev:serial
  set -- "$@" -chardev pty,id=monitor -mon chardev=monitor,mode=readline -pidfile "$state/qemu.pid"
  [ "$window" = yes ] || set -- "$@" -display none -daemonize
  as=$(owner)
  if [ "$as" != root ] && [ "$(id -u)" -eq 0 ]; then
    if "$qemu" -help 2>/dev/null | grep -q -e '-run-with.*user='; then set -- "$@" -run-with "user=$as"
    else set -- "$@" -runas "$as"
    fi
  fi
  what=$1
  shift
  if [ "$what" = print ]; then print_command "$qemu" "$@"; else run_qemu "$@"; fi
}

# Whoever called sudo; QEMU gives root's rights up when everything is open.
owner() {
  if [ "$(id -u)" -eq 0 ]; then echo "${SUDO_USER:-root}"; else id -un; fi
}

run_qemu() {
  record qemu
  (umask 077 && : >"$state/serial.log")
  if [ "$window" = yes ]; then
    setsid "$qemu" "$@" </dev/null >"$state/qemu.out" 2>&1 9>&- &
    sleep 2
    live_qemu >/dev/null || fail "QEMU ended at once: $(tail -n 1 "$state/qemu.out")" 4
  else
    "$qemu" "$@" </dev/null >"$state/qemu.out" 2>&1 9>&- || fail "QEMU did not start: $(tail -n 1 "$state/qemu.out")" 4
  fi
}

print_command() {
  printf '%s' "$1"
  shift
  for each; do
    case $each in
      *[!A-Za-z0-9_@%+=:,./-]*) printf " '%s'" "$(printf '%s' "$each" | sed "s/'/'\\\\''/g")" ;;
      *) printf ' %s' "$each" ;;
    esac
  done
  echo
}

live_qemu() { live_pid "$state/qemu.pid" "$state/qemu.pid"; }

# terminal_of <label>: the pseudo terminal that QEMU gave to its serial line or its monitor.
terminal_of() { sed -n "s/^char device redirected to \([^ ]*\) (label $1).*/\1/p" "$state/qemu.out"; }

# The guest is asked to power off, as by its button; one that does not is switched off.
stop_qemu() {
  if live_qemu >/dev/null; then
    if [ "$stop_seconds" -gt 0 ]; then
      say 'Powering the appliance off.'
      monitor=$(terminal_of monitor)
      # QEMU looks once a second whether somebody has opened the terminal.
      [ ! -c "$monitor" ] || (printf 'system_powerdown\n'; sleep 2) >"$monitor"
      gone_within "$stop_seconds" || warn "It did not power off within $stop_seconds s: switching it off."
    fi
    end_process "$state/qemu.pid" "$state/qemu.pid"
  fi
  rm -f "$state"/qemu.* "$state/serial.log"
}

stop_seconds=60

gone_within() { # seconds
  for _ in $(seq "$1"); do
    live_qemu >/dev/null || return 0
    sleep 1
  done
  ! live_qemu >/dev/null
}

# --- the virtual machine, by libvirt ---------------------------------------------------------------------------------

virsh_system() { LC_ALL=C virsh --quiet --connect qemu:///system "$@"; }
libvirt_runs() { has virsh && virsh_system list >/dev/null 2>&1; }

libvirt_log() {
  # SELinux lets libvirt write here; elsewhere perhaps not.
  if [ -d /var/log/libvirt/qemu ]; then echo /var/log/libvirt/qemu/evc-host-serial.log; else echo "$state/serial.log"; fi
}

xml_text() { printf '%s' "$1" | sed "s/&/\&amp;/g; s/</\&lt;/g; s/'/\&apos;/g" | sed 's/[\\&,]/\\&/g'; }

# domain.xml, with this machine's places put in.
domain() {
  kind=kvm processor='&'
  [ "$accel" = kvm ] || { kind=qemu processor="<cpu mode='custom'><model>EPYC</model></cpu>"; }
  sed -e "s,<domain type='kvm'>,<domain type='$kind'>," -e "s,</name>,</name><uuid>$uuid</uuid>," \
    -e "s,<memory unit='MiB'>[0-9]*,<memory unit='MiB'>$memory," -e "s,<vcpu>[0-9]*,<vcpu>$cpus," \
    -e "s,<cpu mode=.*/>,$processor," \
    -e "s,<source file='[^']*'/>,<source file='$(xml_text "$disk")'/>," \
    -e "s,<interface type='network'>,<interface type='bridge'><mac address='$(mac)'/>," \
    -e "s,<source network='default'/>,<source bridge='$network_bridge'/>," \
    -e "s,<serial type='pty'/>,<serial type='pty'><log file='$(xml_text "$(libvirt_log)")' append='off'/></serial>," \
    "$here/domain.xml" |
    if [ "$firmware" = uefi ]; then
      sed "s,<os>,<os firmware='efi'><firmware><feature enabled='no' name='secure-boot'/></firmware>,"
    else cat
    fi
}

# Its UUID is made here and recorded: a machine of this name may be somebody else's.
start_libvirt() {
  uuid=$(cat /proc/sys/kernel/random/uuid)
  record libvirt "$uuid"
  domain >"$state/domain.xml"
  virsh_system define "$state/domain.xml" >/dev/null || fail "libvirt did not take the machine (see above)." 4
  virsh_system start "$uuid" >/dev/null || fail "libvirt did not start the machine (see above)." 4
}

libvirt_has() { virsh_system dominfo "$1" >/dev/null 2>&1; }

# A machine that is paused or asleep still holds its memory, its disk and its place on the bridge.
live_libvirt() {
  case $(virsh_system domstate "$1" 2>/dev/null) in '' | 'shut off' | crashed) return 1 ;; esac
}

warn_if_paused() {
  id=$(recorded libvirt)
  [ -n "$id" ] || return 0
  case $(virsh_system domstate "$id" 2>/dev/null) in
    paused) warn "libvirt has paused it, as it does when the disk's file system is full ($here). Free some, then: sudo virsh --connect qemu:///system resume $id" ;;
    pmsuspended) warn "It is asleep. Wake it: sudo virsh --connect qemu:///system dompmwakeup $id" ;;
  esac
}

stop_libvirt() { # UUID
  if ! gone_from_libvirt "$1"; then
    switch_off "$1"
    virsh_system undefine "$1" --nvram --managed-save --snapshots-metadata >/dev/null || true
  fi
  gone_from_libvirt "$1" ||
    fail "libvirt did not give up the machine $1 (see above), so what it stands on stays. Look after that, then try again. If libvirt has gone for good, delete the line \"libvirt $1\" from $state/made." 4
  rm -f "$(libvirt_log)" "$state/domain.xml"
}

# One that does not answer may still have it.
gone_from_libvirt() { ! libvirt_has "$1" && libvirt_runs; }

switch_off() { # UUID
  case $(virsh_system domstate "$1" 2>/dev/null) in
    '' | 'shut off') return 0 ;;
    running | 'in shutdown')
      if [ "$stop_seconds" -gt 0 ]; then
        say 'Powering the appliance off.'
        virsh_system shutdown "$1" >/dev/null 2>&1 || true
        off_within "$stop_seconds" "$1" || warn "It did not power off within $stop_seconds s: switching it off."
      fi ;;
  esac
  virsh_system destroy "$1" >/dev/null 2>&1 || true
}

off_within() { # seconds, UUID
  for _ in $(seq "$1"); do
    live_libvirt "$2" || return 0
    sleep 1
  done
  return 1
}

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

# --- taking back -----------------------------------------------------------------------------------------------------

# undo: everything that the record names, the newest first. What was not made yet, or is gone already, is no fault.
undo() {
  [ -e "$state/made" ] || return 0
  awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' "$state/made" >"$state/undo"
  subnet=$(recorded bridge)
  subnet=${subnet:-192.168.42.0/24}
  while read -r kind rest; do undo_one "$kind" "$rest" </dev/null; done <"$state/undo"
  rm -f "$state/made" "$state/undo" "$state"/*.new
}

undo_one() { # kind, rest of the line
  # shellcheck disable=SC2086 # several words were recorded
  case $1 in
    qemu) stop_qemu ;;
    libvirt) stop_libvirt "$2" ;;
    dhcp) stop_dhcp ;;
    nft-rule) close_chain $2 ;;
    nft-table) remove_table ;;
    iptables) remove_iptables_rule $2 ;;
    ufw) remove_ufw_rule "$2" ;;
    firewalld) firewall-cmd --quiet --zone="$2" --remove-interface="$bridge" 2>/dev/null || true ;;
    forwarding) put_back_values ;;
    tap) remove_tap "$2" ;;
    bridge) remove_bridge ;;
  esac
}
