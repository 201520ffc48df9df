# Tells by which ports of the host this machine is reached when it sits behind a hypervisor's NAT. Sourced by a step.

# As the start scripts of the image forward them.
default_ports=http:8080,console:9090,api:8443,ssh:2222

# behind_nat: QEMU's and VirtualBox's user networks give every guest this address.
behind_nat() {
  case $1 in 10.0.2.*) ip -4 route show default | grep -q '^default via 10\.0\.2\.2 ' ;; *) false ;; esac
}

# forwarded_ports: as run-evc.sh hands them on, else the usual ones; only letters, digits, colons and commas.
forwarded_ports() {
  modprobe --quiet qemu_fw_cfg
  file=$EVC_SYS/firmware/qemu_fw_cfg/by_name/opt/org.evc/forwarded/raw
  ports=
  [ ! -r "$file" ] || ports=$(head -c 200 "$file" | tr -cd 'a-z0-9:,')
  echo "${ports:-$default_ports}"
}

# find_forwarded <address>: sets the fact forwarded behind a NAT, and takes it out elsewhere.
find_forwarded() {
  if behind_nat "$1"; then set_fact forwarded "$(forwarded_ports)"; else set_fact forwarded; fi
}
