#!/bin/bash
# Says what runs when a copy starts: the first boot, the landing page, SSH; the first boot starts the cloud itself.
set -eu

systemctl daemon-reload
systemctl enable evc-first-boot.service evc-reset.service nginx.service sshd.service
systemctl disable eucalyptus-cloud eucalyptus-node eucanetd libvirtd tgtd dnsmasq firewalld 2>/dev/null || true
# Passwords are for the screen; SSH takes keys only.
sed -i -e 's/^#\?PasswordAuthentication.*/PasswordAuthentication no/' -e 's/^#\?ChallengeResponseAuthentication.*/ChallengeResponseAuthentication no/' \
  -e 's/^#\?PermitRootLogin.*/PermitRootLogin prohibit-password/' /etc/ssh/sshd_config
# Without host keys it complains of those alone; in an installer's chroot SSH has not made any. The seal takes them out.
ssh-keygen -A >/dev/null
sshd -t

# On a busy or emulated host the opening of a session alone can take longer than the minute that login allows.
sed -i '/^LOGIN_TIMEOUT/d' /etc/login.defs
echo 'LOGIN_TIMEOUT 300' >>/etc/login.defs
