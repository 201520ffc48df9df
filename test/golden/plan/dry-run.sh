# ciab 0.1.0+DATE.KEY for kvm
# release: /build/artifacts/ciab-0.1.0+DATE.KEY
#
# render     runs  ~1 s, 0.0 GiB        always
# media      runs  ~70 s, 2.2 GiB       first run
# install    runs  ~75 s, 1.3 GiB       first run
# provision  runs  ~80 s, 1.3 GiB       first run
# audit      runs  ~8 s, 0.2 GiB        first run
# export     runs  ~10 s, 0.4 GiB       first run
# verify     runs  ~6 min 0 s, 1.5 GiB  first run
#
# to export:
#   kvm  0.4 GiB  ciab-0.1.0+DATE.KEY.qcow2, run-evc.sh, teardown-evc.sh, status, evc-host.sh, domain.xml, README.txt
#   the golden disk is read once
#
# expected: 10 min 4 s, 6.8 GiB of disk (N GiB free)

# media
SOURCE_DATE_EPOCH=1764028800 PIPELINE_MEDIA=/build/state/dry-run/ciab/media mmdebstrap --variant=minbase --architectures=amd64 --format=tar '--aptopt=APT::Install-Recommends "false"' '--aptopt=Acquire::Languages "none"' --aptopt=/build/state/dry-run/ciab/media/apt.conf --include=linux-image-amd64,initramfs-tools,zstd,systemd,systemd-sysv,systemd-resolved,udev,dbus,kmod,e2fsprogs,dosfstools,fdisk,openssh-server,sudo,ca-certificates,iproute2,iputils-ping,less,incus,dnsmasq-base,nftables,incus-agent,qemu-system-x86,qemu-system-modules-spice,qemu-utils,ovmf,seabios,virtiofsd,nginx,python3,python3-yaml,cockpit-ws,cockpit-bridge,cockpit-system,cockpit-storaged,qemu-guest-agent,open-vm-tools,hyperv-daemons,xenstore-utils,grub-pc-bin,grub-efi-amd64-bin,grub2-common,busybox-static,mtools,syslinux,syslinux-common,xz-utils,tzdata,systemd-timesyncd --essential-hook=/repository/templates/media/essential-hook --customize-hook=/repository/templates/media/customize-hook trixie - /build/state/dry-run/ciab/media/mirror.list | tar2sqfs --quiet --force --compressor lz4 /build/state/dry-run/ciab/media/root.squashfs
rdsquashfs -c "/boot/$(rdsquashfs -l /boot /build/state/dry-run/ciab/media/root.squashfs | grep -o 'vmlinuz-[^ ]*' | head -n 1)" /build/state/dry-run/ciab/media/root.squashfs >/build/state/dry-run/ciab/media/vmlinuz
rdsquashfs -c "/boot/$(rdsquashfs -l /boot /build/state/dry-run/ciab/media/root.squashfs | grep -o 'initrd\.img-[^ ]*' | head -n 1)" /build/state/dry-run/ciab/media/root.squashfs >/build/state/dry-run/ciab/media/initrd.img
# install
E2FSPROGS_FAKE_TIME=1 SOURCE_DATE_EPOCH=1 mke2fs -q -F -t ext4 -b 1024 -O '^has_journal' -L kickstart -m 0 -N 132 -U 8d7b4a50-6b0a-4b5e-9a53-2f3d6b1c0001 -E root_owner=0:0,hash_seed=8d7b4a50-6b0a-4b5e-9a53-2f3d6b1c0001 /build/state/dry-run/ciab/install/kickstart.img 2048k
(cd /build/state/dry-run/ciab/install/kickstart && E2FSPROGS_FAKE_TIME=1 SOURCE_DATE_EPOCH=1 debugfs -w -f - /build/state/dry-run/ciab/install/kickstart.img <<'INPUT'
mkdir "/files"
mkdir "/files/demo-image"
mkdir "/post"
mkdir "/system"
mkdir "/system/etc"
mkdir "/system/etc/default"
mkdir "/system/etc/default/grub.d"
mkdir "/system/etc/dpkg"
mkdir "/system/etc/dpkg/dpkg.cfg.d"
mkdir "/system/etc/systemd"
mkdir "/system/etc/systemd/network"
mkdir "/system/etc/systemd/system"
mkdir "/system/etc/systemd/system/ssh.service.d"
cd "/files/demo-image"
write "files/demo-image/build.sh" "build.sh"
cd "/files/demo-image"
write "files/demo-image/init" "init"
cd "/files/demo-image"
write "files/demo-image/udhcpc.script" "udhcpc.script"
cd "/"
write "install.sh" "install.sh"
cd "/"
write "layout.sfdisk" "layout.sfdisk"
cd "/post"
write "post/01.sh" "01.sh"
cd "/post"
write "post/02.sh" "02.sh"
cd "/system/etc/default/grub.d"
write "system/etc/default/grub.d/pipeline.cfg" "pipeline.cfg"
cd "/system/etc/default"
write "system/etc/default/keyboard" "keyboard"
cd "/system/etc/dpkg/dpkg.cfg.d"
write "system/etc/dpkg/dpkg.cfg.d/excludedocs" "excludedocs"
cd "/system/etc"
write "system/etc/fstab" "fstab"
cd "/system/etc"
write "system/etc/hostname" "hostname"
cd "/system/etc"
write "system/etc/hosts" "hosts"
cd "/system/etc"
write "system/etc/locale.conf" "locale.conf"
cd "/system/etc/systemd/network"
write "system/etc/systemd/network/10-kickstart.network" "10-kickstart.network"
cd "/system/etc/systemd/system/ssh.service.d"
write "system/etc/systemd/system/ssh.service.d/host-keys.conf" "host-keys.conf"
cd "/system/etc"
write "system/etc/timezone" "timezone"
INPUT
)
(cd /build/state/dry-run/ciab/install && CHECKPOINT_DISABLE=1 PACKER_CONFIG_DIR=/build/state/dry-run/ciab/install PACKER_CACHE_DIR=/build/state/dry-run/ciab/install/packer-cache TMPDIR=. packer validate /build/state/dry-run/ciab/install/install.json)
(cd /build/state/dry-run/ciab/install && CHECKPOINT_DISABLE=1 PACKER_CONFIG_DIR=/build/state/dry-run/ciab/install PACKER_CACHE_DIR=/build/state/dry-run/ciab/install/packer-cache TMPDIR=. packer build -color=false -force /build/state/dry-run/ciab/install/install.json)
mv /build/state/dry-run/ciab/install/packer/disk.raw /build/state/dry-run/ciab/install/disk.raw
# provision
rm -f /build/state/dry-run/ciab/provision/build-key /build/state/dry-run/ciab/provision/build-key.pub
ssh-keygen -q -t ed25519 -N '' -C appliance-build -f /build/state/dry-run/ciab/provision/build-key
tar --create --file /build/state/dry-run/ciab/provision/payload.tar --directory /build/state/dry-run/ciab/provision/payload --sort=name --format=gnu --mtime=@1764028800 --owner=0 --group=0 --numeric-owner .
ln -sf /build/state/dry-run/ciab/install/disk.raw /build/state/dry-run/ciab/provision/base.img
sed "s|YnVpbGQta2V5Cg==|$(base64 -w 0 /build/state/dry-run/ciab/provision/build-key.pub)|" /build/state/dry-run/ciab/provision/provision.json.in >/build/state/dry-run/ciab/provision/provision.json
(cd /build/state/dry-run/ciab/provision && CHECKPOINT_DISABLE=1 PACKER_CONFIG_DIR=/build/state/dry-run/ciab/provision PACKER_CACHE_DIR=/build/state/dry-run/ciab/provision/packer-cache TMPDIR=. packer validate /build/state/dry-run/ciab/provision/provision.json)
(cd /build/state/dry-run/ciab/provision && CHECKPOINT_DISABLE=1 PACKER_CONFIG_DIR=/build/state/dry-run/ciab/provision PACKER_CACHE_DIR=/build/state/dry-run/ciab/provision/packer-cache TMPDIR=. packer build -color=false -force /build/state/dry-run/ciab/provision/provision.json)
mv /build/state/dry-run/ciab/provision/packer/disk.raw /build/state/dry-run/ciab/provision/disk.raw
# audit
# This program reads the disk itself; no command stands for that.
# export
# This program writes kvm itself, from one read of /build/state/dry-run/ciab/provision/disk.raw.
# By hand, an equal disk in more time:
qemu-img convert -f raw -O qcow2 -t writeback -c -- /build/state/dry-run/ciab/provision/disk.raw /build/state/dry-run/ciab/export/kvm/ciab-0.1.0+DATE.KEY.qcow2
# verify
# When the release is there: pipeline verify /build/artifacts/ciab-0.1.0+DATE.KEY
