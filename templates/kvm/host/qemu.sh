
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
