#!/bin/bash
# Installs the system that boots here onto the disk with the serial "target". Compiled from ciab.ks.hbs.
set -Eeuo pipefail
exec </dev/null
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8

kickstart=/run/kickstart
target=/mnt/target
source=/mnt/source
disk=
place=ciab.ks.hbs:1
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

epoch=$(stat -c %Y /var/lib/dpkg/status)
export SOURCE_DATE_EPOCH=$epoch

step ciab.ks.hbs:18 'partition the target disk'
find_target_disk
clear_disk
sfdisk --quiet "$disk" < "$kickstart/layout.sfdisk"
wait_for_partitions 1 2 3

step ciab.ks.hbs:18 'make the file system of /boot/efi'
mkfs.vfat --invariant -F 32 -i DA50BDBC -n EFI >/dev/null "$(partition 2)"

step ciab.ks.hbs:19 'make the file system of /'
mkfs.ext4 -q -F -U 21cee3c9-b540-8f01-8ee8-da625d73bd52 -L root -E "hash_seed=d68acabd-1ddb-89ba-a855-ce609b6d51a0,$ext4_options" "$(partition 3)"

step ciab.ks.hbs:19 'mount the file systems'
mount_target "$(partition 3)" /
mount_target "$(partition 2)" /boot/efi

step ciab.ks.hbs:23 'copy the system'
copy_system
enter_target

step ciab.ks.hbs:23 'leave out documentation'
put_file 0644 etc/dpkg/dpkg.cfg.d/excludedocs
remove_docs

step ciab.ks.hbs:19 'write fstab'
put_file 0644 etc/fstab

step ciab.ks.hbs:5 'name the host ciab'
put_file 0644 etc/hostname
put_file 0644 etc/hosts

step ciab.ks.hbs:2 'set the language C.UTF-8'
put_file 0644 etc/locale.conf
link_file ../locale.conf etc/default/locale

step ciab.ks.hbs:3 'set the keyboard us'
put_file 0644 etc/default/keyboard

step ciab.ks.hbs:4 'set the time zone Etc/UTC'
require_file usr/share/zoneinfo/Etc/UTC 'this release has no such time zone'
link_file /usr/share/zoneinfo/Etc/UTC etc/localtime
put_file 0644 etc/timezone

step ciab.ks.hbs:5 'configure the network device link'
put_file 0644 etc/systemd/network/10-kickstart.network

step ciab.ks.hbs:5 'enable systemd-networkd'
in_target systemctl --quiet enable systemd-networkd.service systemd-resolved.service
link_file ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf

step ciab.ks.hbs:9 'make user evc'
in_target useradd --create-home --no-log-init --shell /bin/bash --comment 'Owner of this cloud' --groups sudo -- evc
in_target usermod --lock -- evc

step ciab.ks.hbs:8 'set root'\''s password'
in_target usermod --lock -- root

step ciab.ks.hbs:14 'disable incus.socket, incus-startup, incus-user.socket, lxcfs, nginx, apt-daily.timer, apt-daily-upgrade.timer, dpkg-db-backup.timer, e2scrub_all.timer, e2scrub_reap, grub-common, systemd-networkd-wait-online, cockpit.socket, udisks2'
in_target systemctl --quiet disable -- incus.socket incus-startup incus-user.socket lxcfs nginx apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap grub-common systemd-networkd-wait-online cockpit.socket udisks2

step ciab.ks.hbs:14 'enable ssh, systemd-networkd, systemd-resolved'
in_target systemctl --quiet enable -- ssh systemd-networkd systemd-resolved

step ciab.ks.hbs:13 'disable the firewall'
in_target systemctl --quiet disable nftables.service

step ciab.ks.hbs:20 'install the boot loader'
put_file 0644 etc/default/grub.d/pipeline.cfg
link_uuid "$(partition 2)" DA50-BDBC
link_uuid "$(partition 3)" 21cee3c9-b540-8f01-8ee8-da625d73bd52
in_target grub-install --target=i386-pc "$disk"
in_target grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram --no-uefi-secure-boot
in_target update-grub
require_root_by_uuid 21cee3c9-b540-8f01-8ee8-da625d73bd52

step ciab.ks.hbs:81 'run %post'
run_script target fatal /bin/sh post/01.sh ''

step ciab.ks.hbs:101 'run %post'
run_script target fatal /bin/sh post/02.sh ''

step ciab.ks.hbs:1 'settle the installed system'
# Every copy makes its own identity when it first starts.
: >"$target/etc/machine-id"
rm -f "$target"/etc/ssh/ssh_host_* "$target/var/lib/systemd/random-seed"
if [ -f "$target/var/lib/dbus/machine-id" ]; then
  ln -sfn /etc/machine-id "$target/var/lib/dbus/machine-id"
fi
if [ -e "$target/usr/lib/systemd/system/ssh.service" ]; then
  put_file 0644 etc/systemd/system/ssh.service.d/host-keys.conf
fi
leave_target
# Files written just now get the date of the sources, so that two builds differ less.
find "$target" -newermt "@$epoch" -exec touch --no-dereference --date="@$epoch" {} +
umount --recursive "$target"
sync
echo 'PIPELINE install done'
