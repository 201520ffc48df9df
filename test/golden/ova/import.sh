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

# --- VMware ESXi and vSphere, by govc or ovftool -----------------------------------------------------------------------

ova=$here/'ciab-0.1.0+20260101.0123abcd.ova'
host=
network=
datastore=
govc=${GOVC:-govc}
ovftool=${OVFTOOL:-ovftool}

usage() {
  cat <<END
$title $version

Usage: sh import.sh --host HOST [options]     by ovftool, which asks for the password
       sh import.sh [options]                 by govc, with its GOVC_URL and so on
  --host HOST       [user@]host of an ESXi host, or a path of vCenter: user@vcenter/Datacenter/host/Cluster
  --name NAME       name of the machine (now $name)
  --network NAME    port group for its network card
  --datastore NAME  where its disk lies
  --no-start        only import it
  --wait SECONDS    how long to wait until it is ready (now $ready_seconds; 0: do not wait), by govc
  --help            this text
END
}

while [ $# -gt 0 ]; do
  case $1 in
    --no-start) start=no; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --host | --name | --network | --datastore | --wait) ;;
    *) fail "There is no option \"$1\". Try: import.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  case $2 in '' | -*) fail "$1 needs a value, found \"$2\"." 2 ;; esac
  case $1 in
    --host) host=$2 ;;
    --name) name=$2 ;;
    --network) network=$2 ;;
    --datastore) datastore=$2 ;;
    --wait) number "$1" "$2" 0 86400; ready_seconds=$2 ;;
  esac
  shift 2
done

[ -f "$ova" ] || problem "Could not find $ova: import.sh and the appliance belong in one folder."
if [ -n "$host" ]; then
  has "$ovftool" || problem 'Could not find ovftool (from VMware), needed with --host. Install it, or use govc: GOVC_URL=user@host sh import.sh'
else
  has "$govc" || problem 'Could not find govc. Install it, or use ovftool: sh import.sh --host user@host'
  [ -n "${GOVC_URL:-}" ] || problem 'GOVC_URL is not set, so govc does not know where to import. Set it: GOVC_URL=user@host sh import.sh, or name a host: --host user@host'
fi
[ "$problems" -eq 0 ] || exit 3

if [ -n "$host" ]; then
  set -- --acceptAllEulas --name="$name"
  [ -z "$network" ] || set -- "$@" --network="$network"
  [ -z "$datastore" ] || set -- "$@" --datastore="$datastore"
  [ "$start" = no ] || set -- "$@" --powerOn
  "$ovftool" "$@" "$ova" "vi://$host" || fail 'The import failed (see above).' 4
  say "Imported $name. Its console tells each step in lines that begin with EVC; the last one says ready, and the address to open."
  [ "$nested" = no ] || say 'Nested virtualisation is asked for by the file; where the host left it out: Edit Settings, CPU, "Expose hardware assisted virtualization to the guest OS".'
  exit 0
fi

# What lies behind the network of the OVF: -net is an option of govc only since 2025, this file of options an old one.
network_mapping() {
  quoted=$(printf '%s\n' "$network" | sed 's/[\\"]/\\&/g')
  printf '{"NetworkMapping":[{"Name":"VM Network","Network":"%s"}]}\n' "$quoted"
}

[ -z "$("$govc" vm.info "$name" 2>/dev/null)" ] ||
  fail "There is a machine called $name already: choose another name by --name, or start it: govc vm.power -on $name"
set -- import.ova -name="$name"
[ -z "$datastore" ] || set -- "$@" -ds="$datastore"
if [ -n "$network" ]; then network_mapping | "$govc" "$@" -options=/dev/stdin "$ova"; else "$govc" "$@" "$ova"; fi ||
  fail 'The import failed (see above).' 4
if [ "$nested" = yes ]; then
  "$govc" vm.change -vm "$name" -nested-hv-enabled=true ||
    warn 'This host gives no nested virtualisation: the cloud will run containers, but no virtual machines.'
fi
say "Imported $name."
[ "$start" = yes ] || exit 0
"$govc" vm.power -on "$name" ||
  fail "$name is imported but did not start (see above). When that is mended: govc vm.power -on $name; or to take it away: govc vm.destroy $name" 4
[ "$ready_seconds" -gt 0 ] || exit 0
wait_from_now "$ready_seconds"
address=$("$govc" vm.ip -wait "${ready_seconds}s" "$name") || address=
[ -n "$address" ] || fail "The host does not tell its address within $ready_seconds s; its console does." 4
wait_ready "http://$address/" "$ready_seconds"
print_addresses "$address"
