
# --- ports of this machine that lead to the appliance ----------------------------------------------------------------

listening() { # port
  if [ -r /proc/net/tcp ]; then
    hex=$(printf ':%04X$' "$1")
    # Without IPv6 there is no tcp6, and awk would end at a file that it cannot open.
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex="$hex" '$4 == "0A" && $2 ~ hex { found = 1 } END { exit !found }'
  else netstat -an -p tcp 2>/dev/null | grep -q "[.:]$1 .*LISTEN"
  fi
}

# free_port <first choice>: it or the next one that nobody listens on and that was not given away.
free_port() {
  port=$1
  while listening "$port" || case ",$forwarded," in *":$port,"*) true ;; *) false ;; esac; do port=$((port + 1)); done
  echo "$port"
}
