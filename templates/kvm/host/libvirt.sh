
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
  sed -e "s,<domain type='kvm'>,<domain type='$kind'>," \
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

start_libvirt() {
  record libvirt "$full_name"
  domain >"$state/domain.xml"
  virsh_system define "$state/domain.xml" >/dev/null || fail "libvirt did not take the machine (see above)." 4
  virsh_system start "$full_name" >/dev/null || fail "libvirt did not start the machine (see above)." 4
}

live_libvirt() { [ "$(virsh_system domstate "$1" 2>/dev/null)" = running ]; }

stop_libvirt() { # name
  if live_libvirt "$1"; then
    if [ "$stop_seconds" -gt 0 ]; then
      say 'Powering the appliance off.'
      virsh_system shutdown "$1" >/dev/null 2>&1 || true
      off_within "$stop_seconds" "$1" || warn "It did not power off within $stop_seconds s: switching it off."
    fi
    virsh_system destroy "$1" >/dev/null 2>&1 || true
  fi
  virsh_system undefine "$1" --nvram >/dev/null 2>&1 || virsh_system undefine "$1" >/dev/null 2>&1 || true
  rm -f "$(libvirt_log)" "$state/domain.xml"
}

off_within() { # seconds, name
  for _ in $(seq "$1"); do
    live_libvirt "$2" || return 0
    sleep 1
  done
  return 1
}
