
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
