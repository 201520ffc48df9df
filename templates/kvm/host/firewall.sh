
# --- NAT and the machine's own firewall ------------------------------------------------------------------------------
# What hides the appliance behind this machine's addresses is a table of our own. An accept there cannot overrule the
# drop of another table, so where forwarding is dropped a rule goes to the place its owner has for that: firewalld's
# zone, ufw's route rules, Docker's DOCKER-USER, else the head of the closed chain. Each bears this comment.

mark=evc-host

allow_traffic() {
  if has nft; then
    record nft-table
    nft -f - <<END
add table ip evc_host
flush table ip evc_host
table ip evc_host {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr $subnet ip daddr != $subnet masquerade
  }
}
END
  else
    iptables_rule nat -A POSTROUTING -s "$subnet" ! -d "$subnet" -j MASQUERADE
  fi
  open_firewall
}

open_firewall() {
  if has firewall-cmd && [ "$(firewall-cmd --state 2>/dev/null)" = running ]; then
    open_firewalld
  elif has ufw && LC_ALL=C ufw status 2>/dev/null | grep -q '^Status: active'; then
    open_ufw
  else
    open_iptables
  fi
  has nft || return 0
  closed_chains | while read -r hook family table chain; do open_chain "$hook" "$family" "$table" "$chain"; done
}

open_firewalld() {
  zone=trusted
  case " $(firewall-cmd --get-zones) " in *' libvirt '*) zone=libvirt ;; esac
  record firewalld "$zone"
  firewall-cmd --quiet --zone="$zone" --add-interface="$bridge"
}

open_ufw() {
  for rule in "route allow in on $bridge" "allow in on $bridge to any port 67 proto udp" "allow in on $bridge to any port 53"; do
    record ufw "$rule"
    # shellcheck disable=SC2086 # the words of the rule
    ufw $rule comment "$mark" >/dev/null
  done
}

open_iptables() {
  has iptables || return 0
  if iptables -w -n -L DOCKER-USER >/dev/null 2>&1; then forward_rules DOCKER-USER
  elif closed_by_iptables FORWARD; then forward_rules FORWARD
  fi
  closed_by_iptables INPUT || return 0
  iptables_rule filter -I INPUT -i "$bridge" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
  iptables_rule filter -I INPUT -i "$bridge" -p udp -m multiport --dports 53,67 -j ACCEPT
}

# Closed is a chain that drops or rejects what no rule of it accepts: by its policy, by a rule without a condition, or
# in another chain that such a rule leads to. A comment is no condition.
closed_by_iptables() { # chain
  iptables -w -S 2>/dev/null | sed -e 's/ -m comment --comment "[^"]*"//' -e 's/ -m comment --comment [^ ]*//' | awk -v chain="$1" '
    function is_closed(at, count, to, i) {
      if (at in closed) return 1
      count = split(leads[at], to, " ")
      for (i = 1; i <= count; i++) if (is_closed(to[i])) return 1
      return 0
    }
    $1 == "-P" && $3 == "DROP" { closed[$2] }
    $1 == "-A" && ($3 == "-j" || $3 == "-g") { if ($4 == "DROP" || $4 == "REJECT") closed[$2]; else leads[$2] = leads[$2] " " $4 }
    END { exit !is_closed(chain) }'
}

forward_rules() {
  iptables_rule filter -I "$1" -i "$bridge" -j ACCEPT
  iptables_rule filter -I "$1" -o "$bridge" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
}

iptables_rule() { # table, -A or -I, chain, rule
  table=$1 how=$2 chain=$3
  shift 3
  record iptables "$table $chain $* -m comment --comment $mark"
  iptables -w -t "$table" "$how" "$chain" "$@" -m comment --comment "$mark"
}

# "hook family table chain" of each chain on the way of the appliance's packets that drops or rejects what no rule of it
# accepts. Those of firewalld have their zones; those that iptables keeps were seen to by open_iptables.
closed_chains() {
  nft list ruleset 2>/dev/null | awk '
    $1 == "table" { family = $2; table = $3; next }
    $1 == "chain" { chain = $2; hook = ""; closed = 0; next }
    $1 == "type" { hook = $4; closed = /policy drop/; next }
    $1 == "}" && chain != "" { if (closed && (hook == "forward" || hook == "input")) print hook, family, table, chain; chain = ""; next }
    chain != "" { if (/^[ \t]*(counter packets [0-9]+ bytes [0-9]+ )?(drop|reject)/) closed = 1 }
  ' | grep -v -e ' inet firewalld ' -e "$(kept_by_iptables)"
}

kept_by_iptables() {
  if has iptables; then echo ' ip filter [A-Z]*$'; else echo '^$'; fi
}

open_chain() { # hook, family, table, chain
  record nft-rule "$2 $3 $4"
  nft insert rule "$2" "$3" "$4" iifname "$bridge" ct state established,related accept comment "\"$mark\""
  if [ "$1" = forward ]; then
    nft insert rule "$2" "$3" "$4" oifname "$bridge" ct state established,related accept comment "\"$mark\""
    nft insert rule "$2" "$3" "$4" iifname "$bridge" accept comment "\"$mark\""
  else
    nft insert rule "$2" "$3" "$4" iifname "$bridge" udp dport '{ 53, 67 }' accept comment "\"$mark\""
  fi
}

close_chain() { # family, table, chain
  nft -a list chain "$1" "$2" "$3" 2>/dev/null | sed -n "s/.*comment \"$mark\" # handle //p" | while read -r handle; do
    nft delete rule "$1" "$2" "$3" handle "$handle"
  done
}

remove_iptables_rule() { # table, chain, rule
  table=$1 chain=$2
  shift 2
  while iptables -w -t "$table" -C "$chain" "$@" 2>/dev/null; do iptables -w -t "$table" -D "$chain" "$@"; done
}

remove_table() {
  ! nft list table ip evc_host >/dev/null 2>&1 || nft delete table ip evc_host
}

remove_ufw_rule() {
  # shellcheck disable=SC2086 # the words of the rule
  case $1 in
    route\ *) ufw route delete ${1#route } ;;
    *) ufw delete $1 ;;
  esac >/dev/null 2>&1 || true
}
