
# --- how the scripts speak -------------------------------------------------------------------------------------------

me=${0##*/}
say() { printf '%s: %s\n' "$me" "$*" >&2; }
warn() { printf '%s: !! %s\n' "$me" "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

number() { # option, value, least, most
  case $2 in
    '' | *[!0-9]* | ??????????*) fail "$1 takes a number, found \"$2\"." 2 ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then fail "$1 takes a number from $3 to $4, found $2." 2; fi
}

word() { # option, value: a name that no program takes for something else
  case $2 in '' | -* | *[!A-Za-z0-9._-]*) fail "$1 takes a name, found \"$2\"." 2 ;; esac
}

has() { command -v "$1" >/dev/null 2>&1; }

# Problems are collected, so that one run tells all of them.
problems=0
problem() { problems=$((problems + 1)); say "$*"; }
