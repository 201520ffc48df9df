
# --- taking back -----------------------------------------------------------------------------------------------------

# undo: everything that the record names, the newest first. What was not made yet, or is gone already, is no fault.
undo() {
  [ -e "$state/made" ] || return 0
  awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' "$state/made" >"$state/undo"
  subnet=$(recorded bridge)
  subnet=${subnet:-192.168.42.0/24}
  while read -r kind rest; do undo_one "$kind" "$rest" </dev/null; done <"$state/undo"
  rm -f "$state/made" "$state/undo" "$state"/*.new
}

undo_one() { # kind, rest of the line
  # shellcheck disable=SC2086 # several words were recorded
  case $1 in
    qemu) stop_qemu ;;
    libvirt) stop_libvirt "$2" ;;
    dhcp) stop_dhcp ;;
    nft-rule) close_chain $2 ;;
    nft-table) remove_table ;;
    iptables) remove_iptables_rule $2 ;;
    ufw) remove_ufw_rule "$2" ;;
    firewalld) firewall-cmd --quiet --zone="$2" --remove-interface="$bridge" 2>/dev/null || true ;;
    forwarding) put_back_values ;;
    tap) remove_tap "$2" ;;
    bridge) remove_bridge ;;
  esac
}
