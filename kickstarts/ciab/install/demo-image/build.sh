#!/bin/sh
# Builds the demo images, a container's and a virtual machine's, of programs that the appliance has already.
#
#   build.sh <folder to fill>
#
# Writes demo.tar (container), demo-vm.tar (description) and demo-vm.qcow2 (disk: boots by BIOS and by UEFI).
# Nothing is mounted, so it runs in any chroot with /proc (SYSLINUX opens its disk there); nothing is downloaded; every time stamp is the kernel's, so that
# equal packages give equal images.
set -eu

target=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

kernel=$(ls /boot/vmlinuz-* | sort -V | tail -n 1)
release=${kernel#/boot/vmlinuz-}
epoch=$(stat -c %Y "$kernel")
root=$work/rootfs

# One file system of about 2 MB for both kinds.
build_root() {
  mkdir -p "$root/bin" "$root/dev" "$root/etc/acpi/PWRF" "$root/lib/modules" "$root/proc" "$root/root" \
    "$root/run" "$root/sbin" "$root/srv" "$root/sys" "$root/tmp" "$root/var"
  cp /bin/busybox "$root/bin/busybox"
  chroot "$root" /bin/busybox --install -s /bin
  install -m 755 "$here/init" "$root/sbin/init"
  install -m 755 "$here/udhcpc.script" "$root/etc/udhcpc.script"
  ln -s sbin/init "$root/init"
  printf '#!/bin/sh\nexec kill -PWR 1\n' >"$root/etc/acpi/PWRF/00000080"
  chmod 755 "$root/etc/acpi/PWRF/00000080"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  printf 'NAME="Demo"\nID=demo\nPRETTY_NAME="Demo system of a cloud in a box"\n' >"$root/etc/os-release"
}

# describe <name> <what it is>: the metadata.yaml that Incus wants with each image.
describe() {
  cat <<END
architecture: x86_64
creation_date: $epoch
properties:
  name: $1
  os: Demo
  architecture: x86_64
  description: $2
END
}

pack() {
  archive=$1
  shift
  tar --create --file "$archive" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu "$@"
}

build_container() {
  describe demo 'Demo system (container)' >"$work/metadata.yaml"
  pack "$target/demo.tar" -C "$work" metadata.yaml rootfs
}

# The few modules that Debian's kernel does not have built in, in the order in which they must be loaded.
add_modules() {
  for module in virtio_net button evdev; do
    modprobe --show-depends --set-version "$release" "$module" >>"$work/modules"
  done
  while read -r verb path _; do
    [ "$verb" = insmod ] || continue
    name=$(basename "$path" .xz)
    case $path in
      *.xz) xz --decompress --stdout "$path" >"$root/lib/modules/$name" ;;
      *) cp "$path" "$root/lib/modules/$name" ;;
    esac
    echo "$name" >>"$root/lib/modules/order"
  done <"$work/modules"
}

build_initrd() {
  add_modules
  find "$root" -exec touch --no-dereference --date="@$epoch" {} +
  (cd "$root" && find . | LC_ALL=C sort | cpio --quiet --create --format=newc --owner=0:0 --reproducible) >"$work/initrd"
}

# MBR with one active FAT partition of type EF: SYSLINUX starts from it under BIOS, GRUB under UEFI.
build_machine() {
  disk=$work/disk.raw
  sectors=65536
  truncate -s $(((sectors + 2048) * 512)) "$disk"
  printf 'label: dos\nlabel-id: 0x64656d6f\nstart=2048, size=%s, type=ef, bootable\n' "$sectors" | sfdisk --quiet "$disk"
  dd if=/usr/lib/syslinux/mbr/mbr.bin of="$disk" conv=notrunc bs=440 count=1 status=none
  mkfs.fat --offset=2048 -F 16 -i 64656d6f -n DEMO -h 2048 "$disk" $((sectors / 2)) >/dev/null

  export MTOOLS_SKIP_CHECK=1 SOURCE_DATE_EPOCH="$epoch"
  arguments='console=ttyS0 loglevel=4'
  printf 'DEFAULT demo\nPROMPT 0\nLABEL demo\nLINUX /vmlinuz\nINITRD /initrd\nAPPEND %s\n' "$arguments" >"$work/syslinux.cfg"
  printf 'linux /vmlinuz %s\ninitrd /initrd\nboot\n' "$arguments" >"$work/grub.cfg"
  cp "$kernel" "$work/vmlinuz"
  cp /usr/lib/grub/x86_64-efi/monolithic/grubx64.efi "$work/BOOTX64.EFI"
  touch --date="@$epoch" "$work/vmlinuz" "$work/initrd" "$work/syslinux.cfg" "$work/grub.cfg" "$work/BOOTX64.EFI"
  mmd -i "$disk@@1M" ::/EFI ::/EFI/BOOT ::/EFI/debian
  mcopy -m -i "$disk@@1M" "$work/vmlinuz" "$work/initrd" "$work/syslinux.cfg" ::/
  mcopy -m -i "$disk@@1M" "$work/BOOTX64.EFI" ::/EFI/BOOT/
  mcopy -m -i "$disk@@1M" "$work/grub.cfg" ::/EFI/debian/
  syslinux --offset 1048576 --install "$disk"

  qemu-img convert -q -f raw -O qcow2 "$disk" "$target/demo-vm.qcow2"
  describe demo-vm 'Demo system (virtual machine)' >"$work/metadata.yaml"
  pack "$target/demo-vm.tar" -C "$work" metadata.yaml
}

mkdir -p "$target"
build_root
build_container
build_initrd
build_machine
