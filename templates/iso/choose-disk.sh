# Chooses the disk to install on, by DISK_RULE: `only`, `smallest`, or a name below /dev/disk/by-id. Writes the answer
# where the kickstart includes it. Runs in Anaconda's %pre.
: "${ROOT:=}"

refuse() {
  echo "No disk was touched: $*" | tee "$ROOT/dev/console"
  exit 1
}

# The disk that the medium is on: an installer on a stick must not erase itself.
medium_disk() {
  source=$(findmnt --noheadings --output SOURCE /run/install/repo)
  parent=$(lsblk --noheadings --nodeps --output PKNAME "$source" 2>/dev/null)
  echo "${parent:-${source##*/}}"
}

# disks: name and bytes of every disk that can be written to and is large enough, smallest first.
disks() {
  medium=$(medium_disk)
  lsblk --noheadings --nodeps --bytes --output NAME,SIZE,TYPE,RO |
    awk -v medium="$medium" -v least="$LEAST_BYTES" '$3 == "disk" && $4 == 0 && $2 >= least && $1 != medium && $1 !~ /^(zram|loop|ram|fd|sr)/ { print $1, $2 }' |
    sort -k2,2n
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
  echo "ALL DATA ON $disk WILL BE ERASED IN $left s. Switch the machine off to keep it." >"$ROOT/dev/console"
  sleep "${TICK_SECONDS:-1}"
  left=$((left - 1))
done
cat >"$ROOT/tmp/evc-disk.ks" <<END
ignoredisk --only-use=$disk
clearpart --all --initlabel --disklabel=gpt --drives=$disk
END
