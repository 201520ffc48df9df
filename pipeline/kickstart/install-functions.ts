/** The fixed functions of the install script, in bash. */

export const prelude = String.raw`#!/bin/bash
# Installs the system that boots here onto the disk with the serial "target". Compiled from @KICKSTART@.
set -Eeuo pipefail
exec </dev/null
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8

kickstart=/run/kickstart
target=/mnt/target
source=/mnt/source
disk=
place=@PLACE@
what='start'
reason=

step() {
  place=$1
  what=$2
  reason=
  echo "PIPELINE install: $what"
}

# Says why the step cannot go on, in place of an exit code.
fail() {
  reason=$1
  exit 1
}

# The last word goes to the console in one piece; then the machine ends, whatever happened.
finish() {
  local status=$?
  trap - EXIT
  set +e
  cd /
  if [ "$status" -ne 0 ]; then
    [ -n "$reason" ] || reason="exit code $status"
    echo "PIPELINE install failed: $place: could not $what: $reason"
  fi
  sync
  sleep 1
  poweroff -ff || echo o >/proc/sysrq-trigger
  sleep 60
}
trap finish EXIT

# An ext4 on a disk that is known to hold only zeros needs no zeroing, neither now nor by the kernel later.
find_target_disk() {
  local file
  for file in /sys/block/*/serial; do
    if [ "$(cat "$file")" = target ]; then
      disk=/dev/$(basename "$(dirname "$file")")
    fi
  done
  [ -b "$disk" ] || fail 'there is no disk with the serial "target"'
  empty=no
  ext4_options=lazy_itable_init=0,lazy_journal_init=0
  if cmp --silent --bytes=4194304 "$disk" /dev/zero; then
    empty=yes
    ext4_options=nodiscard,assume_storage_prezeroed=1
  fi
}

refuse_used_disk() {
  [ "$empty" = yes ] || fail 'the target disk is not empty; clearpart --all allows to overwrite it'
}

clear_disk() {
  [ "$empty" = yes ] || wipefs --all --quiet "$disk"
}

# partition NUMBER: the device of that partition
partition() {
  case $disk in
    *[0-9]) echo "$disk"p"$1" ;;
    *) echo "$disk$1" ;;
  esac
}

# The kernel makes the device files itself; there is no udev to wait for.
wait_for_partitions() {
  local number tries
  for number in "$@"; do
    for tries in {1..100}; do
      [ ! -b "$(partition "$number")" ] || continue 2
      sleep 0.1
    done
    fail "partition $number did not appear after $tries tries"
  done
}

# mount_target DEVICE MOUNTPOINT
mount_target() {
  if ! mountpoint --quiet /mnt; then
    mount -t tmpfs -o mode=0755 tmpfs /mnt
    mkdir "$target" "$source"
    ln -s target /mnt/sysimage
    ln -s target /mnt/sysroot
  fi
  mkdir -p "$target$2"
  mount "$1" "$target$2"
}

# A second view of the root shows it without what is mounted on it, and names in one order.
copy_system() {
  mount --bind / "$source"
  tar --create --directory="$source" --sort=name --numeric-owner --acls --xattrs --xattrs-include='*' --sparse \
    --anchored --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude='./run/*' --exclude='./tmp/*' \
    --exclude='./mnt/*' --exclude=./usr/lib/pipeline --exclude=./lost+found . |
    tar --extract --directory="$target" --preserve-permissions --same-owner --numeric-owner --acls --xattrs --xattrs-include='*'
  umount "$source"
}

# What programs in the target need; /run and /tmp are not the image's own, so nothing is left in them.
enter_target() {
  mount --bind /dev "$target/dev"
  mount -t proc proc "$target/proc"
  mount -t sysfs sysfs "$target/sys"
  mount -t tmpfs -o mode=0755 tmpfs "$target/run"
  mount -t tmpfs -o mode=1777 tmpfs "$target/tmp"
  mkdir "$target/run/kickstart"
  mount --bind "$kickstart" "$target/run/kickstart"
}

leave_target() {
  umount "$target/run/kickstart" "$target/run" "$target/tmp" "$target/sys" "$target/proc" "$target/dev"
}

clean_env() {
  env -i PATH="$PATH" HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH="$epoch" "$@"
}

in_target() {
  clean_env chroot "$target" "$@"
}

# put_file MODE PATH: a file of the kickstart disk, into the image
put_file() {
  install -D -o root -g root -m "$1" "$kickstart/system/$2" "$target/$2"
}

# link_file TO PATH
link_file() {
  mkdir -p "$(dirname "$target/$2")"
  ln -sfn "$1" "$target/$2"
}

# require_file PATH REASON
require_file() {
  [ -e "$target/$1" ] || fail "$2"
}

# link_uuid DEVICE UUID
link_uuid() {
  mkdir -p /dev/disk/by-uuid
  ln -sfn "$1" "/dev/disk/by-uuid/$2"
}

require_root_by_uuid() {
  local file=$target/boot/grub/grub.cfg
  grep -q "root=UUID=$1" "$file" || fail "grub.cfg does not name the root by its UUID $1"
  ! grep -Eq '[[:space:]]root=/dev/' "$file" || fail 'grub.cfg names the root by a device'
}

# add_ssh_key USER KEY
add_ssh_key() {
  local home group
  home=$(in_target getent passwd "$1" | cut -d: -f6) || fail "there is no user $1"
  group=$(in_target id -g "$1")
  in_target install -d -m 0700 -o "$1" -g "$group" "$home/.ssh"
  printf '%s\n' "$2" >>"$target$home/.ssh/authorized_keys"
  in_target chown "$1:$group" "$home/.ssh/authorized_keys"
  in_target chmod 0600 "$home/.ssh/authorized_keys"
}

refuse_package() {
  local state
  state=$(in_target dpkg --status "$1" 2>/dev/null | sed -n 's/^Status: .* //p') || return 0
  [ "$state" != installed ] || fail "another package needs $1"
}

remove_docs() {
  find "$target/usr/share/doc" -mindepth 2 ! -type d ! -name copyright -delete
  find "$target/usr/share/man" "$target/usr/share/info" -mindepth 1 ! -type d -delete
}

# use_mirror ADDRESS: for the suite and its updates; security updates keep their own source
use_mirror() {
  local suite security
  suite=$(. "$target/etc/os-release" && echo "$VERSION_CODENAME")
  security=$(grep -E '^deb .*-security ' "$target/etc/apt/sources.list" || true)
  printf '%s\n' "deb $1 $suite main" "deb $1 $suite-updates main" "$security" >"$target/etc/apt/sources.list"
}

# run_script WHERE ONFAIL INTERPRETER PATH LOG
run_script() {
  local status=0 log=$5
  if [ "$1" = target ]; then
    [ -z "$log" ] || log=$target$log
    run_logged "$log" in_target "$3" "/run/kickstart/$4" || status=$?
  else
    run_logged "$log" clean_env "$3" "$kickstart/$4" || status=$?
  fi
  [ "$status" -ne 0 ] || return 0
  [ -z "$log" ] || tail -n 20 "$log" || true
  [ "$2" != fatal ] || fail "exit code $status"
  echo "PIPELINE install: warning: $place: could not $what: exit code $status"
}

run_logged() {
  local log=$1
  shift
  if [ -z "$log" ]; then
    "$@"
    return
  fi
  # Here no failing command ends the script by itself: who calls this asks for the status.
  { mkdir -p "$(dirname "$log")" && : >>"$log"; } 2>/dev/null || fail "cannot write the log $log"
  "$@" >>"$log" 2>&1
}
`
