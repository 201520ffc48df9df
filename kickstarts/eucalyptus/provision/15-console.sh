#!/bin/bash
# Makes the console's nginx start beside that of the landing page. Its init script leaves it out when it finds an nginx by
# the usual pid file, whosever that is; told its own pid file, as upstream's playbook tells it, it looks there
# (https://github.com/Corymbia/eucalyptus/issues/175).
set -eu

script=${EVC_ROOT:-}/etc/rc.d/init.d/eucaconsole
sed -i -E 's#^([[:space:]]+daemon) (/usr/sbin/nginx )#\1 --pidfile ${NGINXPIDFILE} \2#' "$script"
grep -q '^NGINXPIDFILE=' "$script" && grep -q -E '^[[:space:]]+daemon --pidfile \$\{NGINXPIDFILE\} /usr/sbin/nginx ' "$script" || {
  echo "$script does not start nginx by a line that is known here: the console would not be reached" >&2
  exit 1
}
