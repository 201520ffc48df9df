# Talks to the cloud, as root over its socket and as evc over its API. Sourced by the steps that need it.

: "${INCUS_DIR:=/var/lib/incus}"

# wait_for_daemon: until Incus takes requests.
wait_for_daemon() {
  incus admin waitready --timeout 300 || fail 'incus did not start: journalctl -u incus'
}

# as_evc <arguments of incus>: over https with evc's restricted certificate, so it proves the API and the access.
as_evc() {
  runuser -u evc -- env HOME="$EVC_HOME" incus "$@" 2>/dev/null
}

# in_demo <arguments of incus>: as root, inside project demo.
in_demo() {
  incus --project demo "$@"
}
