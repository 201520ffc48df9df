
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
