#!/bin/bash
# Seals the disk: takes out everything that must not be in two copies, and all that this build has left behind.
set -eu

# Whatever makes a copy itself is made at its first boot.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
rm -rf /var/lib/evc /etc/cockpit/ws-certs.d/* /root/credentials /home/evc/.config /home/evc/.ssh
find /var/lib/incus -mindepth 1 -delete

# The build's way in. Nobody has a password: evc gets one at first boot, root never.
rm -rf /root/.ssh
usermod --lock root
usermod --lock evc
# useradd, chpasswd and the package scripts keep the files of before.
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /etc/.pwd.lock

# Logs, histories, leases, time stamps, caches, temporary files.
journalctl --rotate --quiet
find /var/log -type f -not -name '*tmp' -not -name lastlog -delete
find /var/log -type f -exec truncate --size 0 {} +
rm -rf /var/log/journal/* /run/log/journal/*
rm -f /root/.bash_history /root/.lesshst /root/.viminfo /home/evc/.bash_history
rm -rf /root/.config /root/.cache
rm -rf /var/lib/systemd/network /var/lib/systemd/timers /var/lib/systemd/timesync /var/lib/systemd/coredump
rm -rf /var/lib/private/systemd /var/lib/systemd/pstore
rm -f /var/lib/wtmpdb/* /var/lib/lastlog/*
rm -f /var/lib/dhcp/* /etc/resolv.conf.* /var/lib/dpkg/*-old /var/backups/*
rm -rf /var/lib/apt/lists/* /var/lib/nginx/*
# debconf keeps the answers given to packages in its cache folder; upgrades ask for them.
find /var/cache -mindepth 1 -type f -not -path '/var/cache/debconf/*' -delete
rm -f /var/cache/debconf/*-old
find /tmp /var/tmp -mindepth 1 -delete
rm -rf "$PROVISION_DIR"
