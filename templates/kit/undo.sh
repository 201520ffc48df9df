
# --- what was begun and did not end well -----------------------------------------------------------------------------
# By an error or by Ctrl-C. Half a machine would stand in the way of the next try, so each script has a take_back.

begin() {
  trap take_back EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

ended_well() { trap - EXIT HUP INT TERM; }
