# Chooses the disk to install on, by DISK_RULE: `only`, `smallest`, or a name below /dev/disk/by-id, and counts down
# before it may be erased. Afterwards `disk` is its name. MEDIUM is where the installer's own medium is mounted.
# Runs in Anaconda's %pre and in an initramfs, so it asks the kernel and nobody else.
: "${ROOT:=}" "${MEDIUM:=/run/install/repo}"

# On the screen and on the serial line: nobody knows where somebody looks.
announce() {
  for console in $(cat "$ROOT/sys/class/tty/console/active" 2>/dev/null || echo console); do
    echo "$*" >"$ROOT/dev/$console"
  done
}

refuse() {
  echo "No disk was touched: $*"
  announce "No disk was touched: $*"
  exit 1
}

# The disk that the medium is on: an installer on a stick must not erase itself.
medium_disk() {
  name=$(awk -v place="$MEDIUM" '$2 == place { name = $1 } END { print name }' "$ROOT/proc/mounts")
  name=${name##*/}
  for path in "$ROOT"/sys/block/*/"$name"; do
    [ ! -e "$path" ] || { path=${path%/*} && name=${path##*/}; }
  done
  echo "$name"
}

# is_hidden <path in /sys/block>: the paths of an NVMe disk that has several are listed beside it and have no device.
is_hidden() {
  [ "$(cat "$1/hidden" 2>/dev/null)" = 1 ]
}

# disks: name and bytes of every disk that can be written to and is large enough, smallest first.
disks() {
  medium=$(medium_disk)
  for path in "$ROOT"/sys/block/*; do
    name=${path##*/}
    case $name in zram* | loop* | ram* | fd* | sr* | dm-* | md* | nbd* | '*') continue ;; esac
    [ "$name" != "$medium" ] && [ "$(cat "$path/ro")" = 0 ] && ! is_hidden "$path" || continue
    echo "$name $(cat "$path/size")"
  done | awk -v least="$LEAST_BYTES" '$2 * 512 >= least { printf "%s %.0f\n", $1, $2 * 512 }' | sort -k2,2n
}

names() {
  disks | awk '{ printf "%s%s (%d GiB)", separator, $1, $2 / 1073741824; separator = ", " }'
}

choose() {
  count=$(disks | wc -l)
  [ "$count" -gt 0 ] || refuse "no disk is large enough: $((LEAST_BYTES / 1073741824)) GiB are needed"
  case $DISK_RULE in
    only)
      [ "$count" -eq 1 ] || refuse "the rule \"only\" wants one disk, and there are $count: $(names)"
      disks | awk '{ print $1 }'
      ;;
    smallest)
      [ "$(disks | awk 'NR == 1 { first = $2 } $2 == first' | wc -l)" -eq 1 ] ||
        refuse "the rule \"smallest\" fits several disks: $(names)"
      disks | awk 'NR == 1 { print $1 }'
      ;;
    *)
      path=$ROOT/dev/disk/by-id/$DISK_RULE
      [ -e "$path" ] || refuse "there is no disk $DISK_RULE here: $(names)"
      name=$(basename "$(readlink -f "$path")")
      disks | awk -v name="$name" '$1 == name { found = 1 } END { exit !found }' ||
        refuse "the disk $DISK_RULE ($name) is too small, or the medium itself: $(names)"
      echo "$name"
      ;;
  esac
}

disk=$(choose) || { echo "$disk"; exit 1; }
left=$COUNTDOWN_SECONDS
while [ "$left" -gt 0 ]; do
  announce "ALL DATA ON $disk WILL BE ERASED IN $left s. Switch the machine off to keep it."
  sleep "${TICK_SECONDS:-1}"
  left=$((left - 1))
done
