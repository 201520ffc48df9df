#!/bin/bash
# Says what runs when a copy starts: the first boot and what it needs, and nothing that slows it down.
set -eu

# Nothing is started here, so nothing need be read again: each reload costs 3 s in emulation, and for every service with
# an old init script beside its unit there would be one more.
export SYSTEMCTL_SKIP_SYSV=1
systemctl --no-reload enable evc-first-boot.service evc-explore.path evc-reset.service incus.socket incus-startup.service lxcfs.service \
  ssh.service systemd-networkd.service systemd-resolved.service fstrim.timer

# The page has a server of its own; the web console waits for the end of the set-up.
systemctl --no-reload disable nginx.service cockpit.socket udisks2.service

# evc uses the API; the socket for unprivileged users would be a second way in.
systemctl --no-reload disable incus-user.socket

# Nothing waits for the network but the first boot's own step, which says what it is waiting for.
systemctl --no-reload disable systemd-networkd-wait-online.service

# Work on packages, LVM snapshots and GRUB's boot counter: no use here, and each competes with the first boot.
systemctl --no-reload disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service grub-common.service

# On a busy or emulated host the opening of a session alone can take longer than the minute that login allows.
sed -i '/^LOGIN_TIMEOUT/d' /etc/login.defs
echo 'LOGIN_TIMEOUT 300' >>/etc/login.defs
