
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
