#!/bin/bash
# Seals the disk: takes out everything that must not be in two copies, and all that this build has left behind.
set -eu

# Whatever makes a copy itself is made at its first boot.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_* /var/lib/systemd/random-seed /etc/iscsi/initiatorname.iscsi
rm -rf /var/lib/evc /root/credentials /home/evc/.ssh /home/evc/.euca /root/.euca /root/.aws

# The folders stay: they belong to eucalyptus.
for folder in keys db tx bukkits volumes instances CC; do
  [ ! -d "/var/lib/eucalyptus/$folder" ] || find "/var/lib/eucalyptus/$folder" -mindepth 1 -type f -delete
done
rm -f /var/lib/eucalyptus/nc_state.xml /etc/pki/tls/certs/eucaconsole.crt /etc/pki/tls/private/eucaconsole.key /etc/eucaconsole/session-keys.ini
# libvirt's keys are made anew while its certificate is missing.
rm -rf /etc/pki/libvirt /etc/pki/CA/cacert.pem
rm -f /etc/libvirt/qemu/networks/default.xml /etc/libvirt/qemu/networks/autostart/default.xml

# The card of the builder is not the card of the copy.
rm -f /etc/sysconfig/network-scripts/ifcfg-e* /etc/udev/rules.d/70-persistent-net.rules
: >/etc/resolv.conf

# The build's way in. Nobody has a password: evc gets one at first boot, root never.
systemctl disable evc-build-access.service 2>/dev/null || true
rm -rf /usr/lib/evc-build /etc/systemd/system/evc-build-access.service /root/.ssh
usermod --lock root
usermod --lock evc
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/.pwd.lock

# The installer's place for the EFI system partition, where the disk was made under BIOS; busy while it still runs.
rmdir /boot/esp 2>/dev/null || true

# Anaconda's own notes, logs, histories, leases, caches, temporary files.
rm -f /root/anaconda-ks.cfg /root/original-ks.cfg /root/evc-*.log /root/install.log* /root/.bash_history /home/evc/.bash_history
find /var/log -type f -delete
rm -rf /var/log/anaconda /var/log/journal/* /run/log/journal/*
rm -rf /var/lib/dhclient/* /var/lib/NetworkManager/* /var/lib/nginx/tmp/* /var/cache/yum/* /var/lib/yum/history/*
find /tmp /var/tmp -mindepth 1 -delete
rm -rf "$PROVISION_DIR"
