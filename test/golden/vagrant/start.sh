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

# --- Vagrant -----------------------------------------------------------------------------------------------------------

box='evc/ciab'
# This version as Vagrant writes it, which takes the highest that it has where nobody names one.
box_version='0.1.0.20260101000000.2095714762'
catalog='ciab.json'
folder=$here/machine
provider=${VAGRANT_DEFAULT_PROVIDER:-}
vagrant=${VAGRANT:-vagrant}
command=up

usage() {
  cat <<END
$title $version

Usage: sh start.sh [options]
  --provider NAME  virtualbox, libvirt or vmware_desktop; now the first that is here (hyperv: see README.txt)
  --folder FOLDER  where its Vagrantfile is written (now $folder)
  --wait SECONDS   how long to wait until it is ready (now $ready_seconds; 0: do not wait)
  --stop           power it off
  --help           this text
END
}

while [ $# -gt 0 ]; do
  case $1 in
    --stop) command=halt; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --provider | --folder | --wait) ;;
    *) fail "There is no option \"$1\". Try: start.sh --help" 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." 2
  case $1 in
    --provider) provider=$2 ;;
    --folder) folder=$2 ;;
    --wait) number "$1" "$2" 0 86400; ready_seconds=$2 ;;
  esac
  shift 2
done

first_provider() {
  if has VBoxManage; then echo virtualbox
  elif has virsh; then echo libvirt
  elif has vmrun; then echo vmware_desktop
  fi
}

box_file() {
  case $1 in
    libvirt) echo 'ciab-0.1.0+20260101.0123abcd-libvirt.box' ;;
    virtualbox) echo 'ciab-0.1.0+20260101.0123abcd-virtualbox.box' ;;
    vmware_desktop) echo 'ciab-0.1.0+20260101.0123abcd-vmware-desktop.box' ;;
    hyperv) echo 'ciab-0.1.0+20260101.0123abcd-hyperv.box' ;;
  esac
}

has "$vagrant" || problem 'Could not find vagrant. Install it (Debian, Ubuntu: apt install vagrant), or start the image without it: see the other downloads.'
[ "$(uname -m)" = x86_64 ] || problem "The appliance is for x86-64 processors, this machine is $(uname -m). Take another machine."

# What was begun needs its folder and Vagrant alone.
if [ "$command" = halt ]; then
  [ "$problems" -eq 0 ] || exit 3
  [ -f "$folder/Vagrantfile" ] || fail "There is no machine in $folder." 4
  cd "$folder"
  exec "$vagrant" halt
fi

# Vagrant 2.4 and newer name the architecture, too.
added() {
  "$vagrant" box list 2>/dev/null | tr -s ' ' | grep -q -x -F -e "$box ($provider, $box_version)" -e "$box ($provider, $box_version, (amd64))"
}

provider=${provider:-$(first_provider)}
[ -n "$provider" ] || problem 'Could not find a hypervisor: install VirtualBox or libvirt, or name yours by --provider.'
file=$(box_file "$provider")
if [ -n "$provider" ] && [ -z "$file" ]; then problem "There is no box for the provider \"$provider\"."; fi
# A box that Vagrant has taken is copied; what it was taken from may be deleted.
wanted=
added || wanted="$file $catalog"
for needed in $wanted; do
  [ -f "$here/$needed" ] || problem "Could not find $here/$needed: start.sh, $catalog and the boxes belong in one folder."
done
[ "$problems" -eq 0 ] || exit 3

exactly="config.vm.box_version = \"= $box_version\""

# Ports of this machine's own address alone; those that a start has chosen stay.
write_vagrantfile() {
  forwarded=
  {
    printf 'Vagrant.configure("2") do |config|\n  config.vm.box = "%s"\n  %s\n' "$box" "$exactly"
    for line in 'http 80 8080' 'console 9090 9090' 'api 8443 8443'; do
      # shellcheck disable=SC2086 # three words
      set -- $line
      port=$(free_port "$3")
      forwarded=$forwarded${forwarded:+,}$1:$port
      printf '  config.vm.network "forwarded_port", guest: %s, host: %s, host_ip: "127.0.0.1", id: "%s"\n' "$2" "$port" "$1"
    done
    printf 'end\n'
  } >"$folder/Vagrantfile.new"
  mv "$folder/Vagrantfile.new" "$folder/Vagrantfile"
}

# VMware refuses at power-on what its host cannot give; the box asks for it.
without_nesting() {
  if [ "$nested" = no ] || [ "$provider" != vmware_desktop ]; then return 0; fi
  printf ' Where it says that this host cannot nest: add to %s, before its last line:\n' "'$folder/Vagrantfile'"
  printf '  config.vm.provider(:vmware_desktop) { |m| m.vmx["vhv.enable"] = "FALSE" }\n'
  printf 'and try again; the cloud will then run containers, but no virtual machines.'
}

port_in() { sed -n "s/.*host: \([0-9]*\), .*id: \"$1\"/\1/p" "$folder/Vagrantfile"; }

mkdir -p "$folder"
[ -f "$folder/Vagrantfile" ] || write_vagrantfile
grep -q -F -e "$exactly" "$folder/Vagrantfile" ||
  fail "The Vagrantfile in $folder is not for version $version: choose another folder by --folder, or give up that machine: cd '$folder' && vagrant destroy && rm Vagrantfile" 4

# By the catalog, for without it every box is version 0; the catalog names the boxes without their folder.
[ -z "$wanted" ] || (cd "$here" && "$vagrant" box add --provider "$provider" "$catalog") || fail 'Vagrant did not take the box (see above).' 4
cd "$folder"
"$vagrant" up --provider "$provider" || fail "Vagrant did not start it (see above).$(without_nesting)" 4
page=http://127.0.0.1:$(port_in http)/
wait_ready "$page" "$ready_seconds"
print_addresses 127.0.0.1 "http:$(port_in http),console:$(port_in console),api:$(port_in api)" | grep -v '^SSH'
echo "SSH      cd '$folder' && vagrant ssh"
