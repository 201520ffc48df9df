# Looks for first-boot settings, all of them optional. Sourced by a step.
# Sources, the later the stronger: a disk or ISO labelled cidata (NoCloud) or EVC, VMware guestinfo, Hyper-V's key-value
# pairs, kernel arguments.

: "${EVC_KVP:=/var/lib/hyperv/.kvp_pool_0}"

# nothing_given: the usual case, told by one program: each costs a part of a second in emulation.
nothing_given() {
  for label in cidata CIDATA EVC evc; do
    [ ! -e "$EVC_DEV/disk/by-label/$label" ] || return 1
  done
  read -r arguments <"$EVC_PROC/cmdline"
  case " $arguments" in *' evc.'*) return 1 ;; esac
  case $(systemd-detect-virt) in vmware | microsoft) return 1 ;; esac
}

# gather_settings <folder>: copies what there is; fails where there is nothing.
gather_settings() {
  gather_disks "$1"
  case $(systemd-detect-virt) in
    vmware) gather_guestinfo "$1" ;;
    microsoft) gather_pairs "$1" ;;
  esac
  case " $(cat "$EVC_PROC/cmdline")" in *' evc.'*) cp "$EVC_PROC/cmdline" "$1/9-kernel-arguments" ;; esac
  [ -n "$(ls "$1")" ]
}

gather_disks() {
  for label in cidata CIDATA EVC evc; do
    device=$EVC_DEV/disk/by-label/$label
    [ -e "$device" ] || continue
    mkdir -p "$EVC_RUN/medium"
    if mount -o ro "$device" "$EVC_RUN/medium"; then
      for file in meta-data user-data network-config evc.conf; do
        [ ! -f "$EVC_RUN/medium/$file" ] || head -c 65536 "$EVC_RUN/medium/$file" >"$1/1-$label-$file"
      done
      umount "$EVC_RUN/medium"
    else
      echo "the disk labelled $label cannot be read" >>"$EVC_RUN/settings-problems"
    fi
  done
}

# cloud-init's keys, as people know them, and ours; absent ones are no fault.
gather_guestinfo() {
  for key in metadata userdata evc.hostname evc.address evc.gateway evc.dns evc.ssh-key evc.password; do
    value=$(vmware-rpctool "info-get guestinfo.$key" 2>/dev/null) || continue
    [ -n "$value" ] || continue
    case $key in
      evc.*) printf '%s=%s\n' "${key#evc.}" "$value" >>"$1/2-guestinfo-evc.conf" ;;
      *) decode_guestinfo "$key" "$value" >"$1/2-guestinfo-$key" ;;
    esac
  done
}

decode_guestinfo() { # key, value
  case $(vmware-rpctool "info-get guestinfo.$1.encoding" 2>/dev/null) in
    base64 | b64) printf '%s' "$2" | base64 --decode ;;
    gzip+base64 | gz+b64) printf '%s' "$2" | base64 --decode | gzip -d ;;
    *) printf '%s' "$2" ;;
  esac
}

# hv_kvp_daemon keeps what the host has sent in records of 512 bytes of key and 2048 bytes of value.
gather_pairs() {
  wait_until 5 test -s "$EVC_KVP" || return 0
  cp "$EVC_KVP" "$1/3-hyperv"
}
