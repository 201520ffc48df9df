#!/bin/bash
# Lays the first-boot payload down: what lies in first-boot/<path> becomes /<path>.
set -eu

# From here on this boot writes its log to memory only: the finished disk never held one.
mkdir -p /run/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\n' >/run/systemd/journald.conf.d/provision.conf
systemctl restart systemd-journald

# Folders that exist keep their owner and mode.
tar -C "$PROVISION_DIR/first-boot" -cf - . | tar -C / -xf - --no-same-owner --no-overwrite-dir

# Debian's own welcome page would answer in place of the landing page.
rm -f /etc/nginx/sites-enabled/default
mkdir -p /run/evc-web
nginx -t -q -e stderr -c /etc/evc/nginx.conf
sshd -t
visudo -c -q
