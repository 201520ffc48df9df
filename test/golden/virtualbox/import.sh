#!/bin/sh
# Starts Cloud in a box 0.1.0+20260101.0123abcd on this machine's hypervisor; --help has the options. POSIX sh.
set -eu

title='Cloud in a box'
version='0.1.0+20260101.0123abcd'
name='ciab-0.1.0+20260101.0123abcd'
memory='4096'
cpus='2'
nested=yes
ready_seconds='300'
start=yes
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

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

# --- waiting, by the page of the appliance ---------------------------------------------------------------------------
# One limit for all that is waited for, an address and then the page. The clock counts, not how often was asked.

deadline=

wait_from_now() { deadline=$(($(date +%s) + $1)); } # seconds
time_left() { [ "$(date +%s)" -lt "$deadline" ]; }

left() { # most: the seconds that are left, and no more than these
  rest=$((deadline - $(date +%s)))
  [ "$rest" -ge 1 ] || rest=1
  if [ "$rest" -lt "$1" ]; then echo "$rest"; else echo "$1"; fi
}

# in_time <seconds> <command...>: what it prints; one that takes longer is ended.
in_time() (
  end=$(($(date +%s) + $1))
  shift
  "$@" 2>/dev/null &
  asked=$!
  # A shell shields what it starts by & from Ctrl-C.
  trap 'kill -9 "$asked"; exit 130' HUP INT TERM
  while kill -0 "$asked" 2>/dev/null; do
    if [ "$(date +%s)" -ge "$end" ]; then kill -9 "$asked"; break; fi
    sleep 1
  done
  wait "$asked"
) 2>/dev/null

# wait_address <command...>: sets `address` to what the command prints, once that is one.
wait_address() {
  while time_left; do
    address=$(in_time "$(left 86400)" "$@") || address=
    case $address in
      *[!0-9.]*) ;;
      *.*.*.*) return 0 ;;
    esac
    sleep "$(left 3)"
  done
  return 1
}

# No proxy knows the way to the appliance. Not every wget has an option for that, or for a limit of its own.
ask() { # address, seconds
  if has curl; then curl --silent --fail --noproxy '*' --max-time "$2" "$1" 2>/dev/null
  else in_time "$2" env http_proxy= wget -q -t 1 -O - "$1"
  fi
}

wait_ready() { # address of the page, seconds
  [ "$2" -gt 0 ] || return 0
  has curl || has wget || { say "Without curl or wget it cannot be asked how far it is: open $1 in a few minutes."; return 0; }
  [ -n "$deadline" ] || wait_from_now "$2"
  told=''
  while time_left; do
    line=$(ask "$1state.json" "$(left 5)") || line=
    now=$(printf '%s\n' "$line" | field state)
    if [ "$now" != "$told" ]; then told=$now; tell "$now" "$line"; fi
    case $now in
      ready) tell_ready "$line"; return 0 ;;
      failed) fail 'The set-up failed; it is tried again at the next start. Its screen has more.' 4 ;;
    esac
    sleep "$(left 3)"
  done
  fail "The appliance is not ready after $2 s. It goes on by itself; its screen and $1 tell how far it is." 4
}

tell_ready() { # line
  hint=$(printf '%s\n' "$1" | field nestedHint)
  [ -z "$hint" ] || say "No virtual machines inside yet: $hint"
  say 'It is ready. User, password and API token were made by this copy itself; they are on its screen above the log-in prompt.'
}

# --- what was begun and did not end well -----------------------------------------------------------------------------
# By an error or by Ctrl-C. Half a machine would stand in the way of the next try, so each script has a take_back.

begin() {
  trap take_back EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

ended_well() { trap - EXIT HUP INT TERM; }

# --- VirtualBox --------------------------------------------------------------------------------------------------------

ova=$here/ciab-0.1.0+20260101.0123abcd.ova
bridge=
vbox=${VBOXMANAGE:-VBoxManage}

usage() {
  cat <<END
$title $version

Usage: sh import.sh [options]     for Linux and Macs with an Intel processor; import.ps1 is for Windows
  --name NAME      name of the machine (now $name)
  --memory MIB     memory in MiB (now $memory)
  --cpus N         processors (now $cpus)
  --bridge DEVICE  put it on your network by this network device, instead of behind NAT (VBoxManage list bridgedifs)
  --no-start       only make the machine
  --wait SECONDS   how long to wait until it is ready (now $ready_seconds; 0: do not wait)
  --help           this text
END
}

while [ $# -gt 0 ]; do
  case $1 in
    --no-start) start=no; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --name | --memory | --cpus | --bridge | --wait) ;;
    *) fail "There is no option \"$1\". Try: import.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  case $2 in '' | -*) fail "$1 needs a value, found \"$2\"." 2 ;; esac
  case $1 in
    --name) name=$2 ;;
    --bridge) bridge=$2 ;;
    --memory) number "$1" "$2" 512 16777216; memory=$2 ;;
    --cpus) number "$1" "$2" 1 64; cpus=$2 ;;
    --wait) number "$1" "$2" 0 86400; ready_seconds=$2 ;;
  esac
  shift 2
done

check_nesting() {
  release=$("$vbox" --version 2>/dev/null | sed -n 's/^\([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | tail -n 1)
  # shellcheck disable=SC2086 # two words
  set -- ${release:-0 0}
  [ $(($1 * 100 + $2)) -ge 601 ] ||
    warn "This VirtualBox ($1.$2) is too old for nesting: 6.1 gives it on Intel processors, 6.0 on AMD. The cloud will run containers, but no virtual machines."
  if [ "$(uname -s)" = Darwin ] && [ "$1" -ge 7 ]; then
    warn "VirtualBox $1.$2 runs on Apple's framework on a Mac, which cannot nest (6.1 can): the cloud will run containers, but no virtual machines."
  fi
  if [ -r /proc/cpuinfo ] && ! grep -q -m 1 -w -e vmx -e svm /proc/cpuinfo; then
    warn 'This processor shows neither VT-x nor AMD-V: switch it on in the firmware, or VirtualBox will not start the machine.'
  fi
}

has "$vbox" ||
  problem "Could not find $vbox: install VirtualBox 6.1 or newer, or name it: VBOXMANAGE=/path/to/VBoxManage sh import.sh"
[ -f "$ova" ] || problem "Could not find $ova: import.sh and the appliance belong in one folder."
case $(uname -m) in
  arm64 | aarch64) problem 'This machine has an ARM processor (Apple silicon): VirtualBox runs ARM guests there, and this image is for x86-64. Take another machine.' ;;
esac
[ "$problems" -eq 0 ] || exit 3
has_machine() { "$vbox" showvminfo "$name" >/dev/null 2>&1; }

if has_machine; then
  fail "There is a machine called $name already: choose another name by --name, or start it: VBoxManage startvm $name"
fi
[ "$nested" = no ] || check_nesting

take_back() {
  has_machine || return 0
  # A start that failed holds the machine for a moment.
  if unregister || { sleep 3; unregister; }; then say "Took the machine $name back: the same command may be run again."
  else warn "Could not take the machine $name back: VBoxManage unregistervm $name --delete"
  fi
}

unregister() { "$vbox" unregistervm "$name" --delete; }

begin
"$vbox" import "$ova" --vsys 0 --vmname "$name" --cpus "$cpus" --memory "$memory" || fail 'VirtualBox did not import it (see above).' 4
if [ "$nested" = yes ]; then
  "$vbox" modifyvm "$name" --nested-hw-virt on ||
    warn 'This VirtualBox or processor has no nested virtualisation: the cloud will run containers, but no virtual machines.'
fi
forwarded=
if [ -n "$bridge" ]; then
  # Machines inside have addresses of their own behind this card. 6.1 knows this spelling of the option alone, 7.x both.
  "$vbox" modifyvm "$name" --nic1 bridged --bridgeadapter1 "$bridge" --nicpromisc1 allow-all ||
    fail 'VirtualBox did not put it on your network (see above). Names of cards: VBoxManage list bridgedifs' 4
else
  # On this machine's own address alone.
  for line in 'http 80 8080' 'console 9090 9090' 'api 8443 8443' 'ssh 22 2222'; do
    # shellcheck disable=SC2086 # three words
    set -- $line
    port=$(free_port "$3")
    forwarded=$forwarded${forwarded:+,}$1:$port
    "$vbox" modifyvm "$name" --natpf1 "$1,tcp,127.0.0.1,$port,,$2" || fail "VirtualBox did not forward the port $port (see above)." 4
  done
fi
say "Made the machine $name."
[ "$start" = yes ] || { ended_well; exit 0; }
"$vbox" startvm "$name" || fail 'VirtualBox did not start it (see above). To make it without a start: --no-start' 4
ended_well
if [ -n "$bridge" ]; then
  say 'Its screen tells each step in lines that begin with EVC; the last one says ready, and the address to open.'
  exit 0
fi
wait_ready "http://127.0.0.1:$(port_of http "$forwarded")/" "$ready_seconds"
print_addresses 127.0.0.1 "$forwarded"
