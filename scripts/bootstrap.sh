#!/bin/sh
# Installs what the project needs and is missing: the servers (Debian packages), the npm packages and Kafka's jars.
# Everything is checked first: where something cannot be installed, this says what and how to get it, and changes nothing.
# Java, Maven and Kafka's jars are different: where they cannot be had, this says so and goes on, because the lab runs
# without what needs them.
# Quiet when there is nothing to do. With --check it only reports, and exits 1 if something is missing.
set -eu

check_only=no
case "$#${1-}" in
0) ;;
1--check) check_only=yes ;;
*) echo 'usage: sh scripts/bootstrap.sh [--check]' >&2 && exit 64 ;;
esac

cd "$(dirname "$0")/.."

# A user's PATH on Debian lacks the folders that apt-get and some servers are in.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH

policy=/usr/sbin/policy-rc.d
policy_mark='made by redisops bootstrap, removed at its end'
log=''
sudo=''

say() { printf '%s\n' "bootstrap: $*"; }
complain() { printf '%s\n' "$*" >&2; }
one_line() { tr '\n' ' ' | sed 's/ *$//'; }
has() { command -v "$1" >/dev/null 2>&1; }

# The major version of the Node on PATH; empty without Node.
node_major() {
  has node || return 0
  node -p 'process.versions.node.split(".")[0]' 2>/dev/null || true
}

# The major version of the redis-server on PATH; empty without one.
redis_major() { has redis-server && redis-server --version 2>/dev/null | sed -n 's/.* v=\([0-9]*\)\..*/\1/p'; }

# The major version of the Java that the lab takes: that of JAVA_HOME if it is new enough, else the one on PATH.
java_major() {
  major=''
  for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)"; do
    [ -n "$java" ] || continue
    major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    if [ "${major:-0}" -ge 17 ]; then break; fi
  done
  echo "${major:-0}"
}

java_works() { [ "$(java_major)" -ge 17 ]; }

# The missing programs, by the Debian package that has them.
missing_packages() {
  { has redis-server && has redis-cli; } || echo redis-server
  { has prometheus && has promtool; } || echo prometheus
  { { has prometheus-alertmanager || has alertmanager; } && has amtool; } || echo prometheus-alertmanager
  has pgbouncer || echo pgbouncer
}

# The same for what Kafka needs, which the lab can do without.
missing_kafka_packages() {
  java_works || echo default-jre-headless
  has mvn || kafka_jars_here || echo maven
}

kafka_jars_here() { node24_works && node_modules/.bin/node scripts/warm-kafka.ts --check; }

# npm writes this file last, so that an interrupted installation lacks it.
npm_stale() {
  [ ! -f node_modules/.package-lock.json ] ||
    [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ] ||
    ! node24_works
}

node24_works() { node_modules/.bin/node --version 2>/dev/null | grep -q '^v24\.'; }

# Prints why the tools that nobody but the user can install do not do; nothing if they do.
tool_problems() {
  get_node='get it from https://nodejs.org/en/download, by "brew install node", or with nvm or fnm.'
  major=$(node_major)
  if [ -z "$major" ]; then
    echo "Node is missing; any version from 20 up will do: $get_node"
  elif [ "$major" -lt 20 ]; then
    echo "Node $(node --version) is too old; any version from 20 up will do: $get_node"
  elif ! has npm; then
    echo "npm is missing; it comes with Node: $get_node"
  fi
  has make || echo 'make is missing: "apt-get install make" or, on macOS, "xcode-select --install".'
  redis=$(redis_major || true)
  if [ "${redis:-7}" -lt 7 ]; then
    echo "redis-server is version $redis; 7 or newer is needed (https://redis.io/docs/latest/operate/oss_and_stack/install/)."
  fi
}

# Homebrew has not always had Alertmanager, so the project's own archive is named beside it.
advise_servers() {
  complain "Missing here: $packages"
  complain "$1"
  brew=''
  for package in $packages; do
    case $package in redis-server) brew="$brew redis" ;; prometheus | pgbouncer) brew="$brew $package" ;; esac
  done
  [ -z "$brew" ] || complain "  Homebrew (macOS, Linux):  brew install$brew"
  case $packages in
  *prometheus-alertmanager*)
    complain "  Alertmanager and amtool:  brew install alertmanager, if your Homebrew knows it; otherwise put both"
    complain "                            programs of https://prometheus.io/download/#alertmanager on PATH"
    ;;
  esac
  complain "  Other systems:            any way that puts redis-server (7 or newer), redis-cli, prometheus, promtool,"
  complain "                            alertmanager, amtool and pgbouncer on PATH; they need not run as services"
  complain "Nothing was changed."
}

advise_apt() {
  complain "Missing here: $packages"
  complain "Installing them takes root, and sudo is not there or refuses. As root, run:"
  complain "  apt-get update && apt-get install --no-install-recommends $packages${kafka_packages:+ $kafka_packages}"
  complain "and then the same command again. The packages start services, which the project does not need; to stop them:"
  complain "  systemctl disable --now $packages"
  complain "Nothing was changed."
}

# Says why Kafka stays missing, and what would help, and forgets its packages: everything else goes on.
go_without_kafka() {
  complain "Without Kafka, because of $kafka_packages: $1"
  complain "  Homebrew (macOS, Linux):  brew install openjdk maven, with openjdk's bin folder on PATH"
  complain "  Other systems:            any way that puts java (17 or newer) and mvn on PATH"
  complain "The lab runs without what needs Kafka; everything else goes on."
  kafka_packages=''
}

become_root() {
  [ "$(id -u)" != 0 ] || return 0
  has sudo || return 1
  sudo=sudo
  sudo -n true 2>/dev/null && return 0
  [ -t 0 ] && sudo -v
}

clean_up() {
  status=$?
  trap - EXIT
  if [ -f "$policy" ] && grep -q "$policy_mark" "$policy"; then $sudo rm -f "$policy"; fi
  [ -z "$log" ] || rm -f "$log"
  exit "$status"
}

# Keeps packages from starting their services while they are installed.
forbid_starts() {
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" | $sudo tee "$policy" >/dev/null
  $sudo chmod 755 "$policy"
}

# Runs apt-get without questions; what it prints is shown only if it fails.
apt() {
  # shellcheck disable=SC2086 # $sudo is one word or none
  if ! $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    return 1
  fi
}

# The services of a package: none of them may run or start with the machine because of this installation.
disable_services() {
  units=$(dpkg -L "$1" | sed -n 's#.*/systemd/system/\([^/@]*\.service\)$#\1#p' | sort -u)
  for unit in $units; do
    if has systemctl; then
      $sudo systemctl disable --now "$unit" >/dev/null 2>&1 ||
        $sudo systemctl disable "$unit" >/dev/null 2>&1 || true
    fi
    if has update-rc.d && [ -e "/etc/init.d/${unit%.service}" ]; then
      $sudo update-rc.d "${unit%.service}" disable >/dev/null 2>&1 || true
    fi
  done
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

# Rehearses, so that a package that cannot be had is known before anything is installed.
prepare_packages() {
  say "installing $(echo "$packages $kafka_packages" | one_line | sed 's/^ *//') (Debian packages)"
  apt update || say "apt-get update failed; trying with the package lists that are here"
  # shellcheck disable=SC2086 # a list of words, here and below
  if [ -n "$packages" ] && ! apt install --simulate --no-install-recommends $packages; then
    advise_servers "apt-get cannot install all of them (its words are above). Other ways to get them:"
    exit 1
  fi
  # shellcheck disable=SC2086
  if [ -n "$kafka_packages" ] && ! apt install --simulate --no-install-recommends $kafka_packages; then
    go_without_kafka "apt-get cannot install that (its words are above)."
  fi
}

install_packages() {
  new=''
  for package in $packages $kafka_packages; do installed "$package" || new="$new $package"; done
  forbid_starts
  # shellcheck disable=SC2086
  if apt install --no-install-recommends $packages $kafka_packages; then done=yes; else done=no; fi
  for package in $new; do if installed "$package"; then disable_services "$package"; fi; done
  if [ "$done" = no ]; then
    complain "apt-get could not install them (its words are above); \"dpkg --configure -a\" finishes what it began."
    exit 1
  fi

  left=$(missing_packages | one_line)
  if [ -n "$left" ]; then
    complain "Still missing after the installation: programs of $left"
    exit 1
  fi
  problems=$(tool_problems)
  if [ -n "$problems" ]; then
    complain "$problems"
    exit 1
  fi
  kafka_packages=$(missing_kafka_packages | one_line)
  [ -z "$kafka_packages" ] || go_without_kafka "what was installed is not enough."
}

# Otherwise the first test that needs Kafka would have to, within its deadline.
fetch_kafka() {
  java_works || return 0
  ! kafka_jars_here || return 0
  has mvn || return 0
  say "fetching Kafka with Maven"
  node_modules/.bin/node scripts/warm-kafka.ts ||
    complain "The lab runs without what needs Kafka; everything else goes on."
}

# "npm ci" of npm 11 refuses a lock file without the packages of foreign platforms, and npm leaves those out of it where
# a registry does not carry them. "npm install --no-save" takes the same versions from the same file and is content.
install_npm_packages() {
  say "installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1 || {
    grep -q 'code EUSAGE' "$log" && npm install --no-save --no-audit --no-fund --loglevel=error >"$log" 2>&1
  } || {
    grep -v '^npm error *$' "$log" | tail -n 30 >&2
    complain "npm could not install the packages (its words are above)."
    exit 1
  }
  touch node_modules/.package-lock.json # newer than package-lock.json, whatever a checkout does to that file's time
  if ! node24_works; then
    complain "node_modules/.bin/node does not run Node 24: npm may be set not to run install scripts (ignore-scripts)."
    exit 1
  fi
}

report() {
  for name in node npm make redis-server redis-cli prometheus promtool amtool pgbouncer java mvn; do
    printf '%-22s %s\n' "$name" "$(command -v "$name" || echo missing)"
  done
  printf '%-22s %s\n' alertmanager \
    "$(command -v alertmanager || command -v prometheus-alertmanager || echo missing)"
  if npm_stale; then npm_state='missing or older than package-lock.json'; else npm_state='up to date'; fi
  printf '%-22s %s\n' 'npm packages' "$npm_state"
  if kafka_jars_here; then kafka_state='fetched'; else kafka_state='missing'; fi
  printf '%-22s %s\n' "Kafka's jars" "$kafka_state"
  problems=$(tool_problems)
  java_works || problems="$problems${problems:+
}Java 17 or newer is missing; without it the lab has no Kafka."
  [ -z "$problems" ] || printf '%s\n' "$problems"
  [ -z "$problems" ] && [ -z "$packages$kafka_packages" ] &&
    [ "$npm_state" = 'up to date' ] && [ "$kafka_state" = fetched ]
}

packages=$(missing_packages | one_line)
kafka_packages=$(missing_kafka_packages | one_line)

if [ "$check_only" = yes ]; then
  report || exit 1
  exit 0
fi

problems=$(tool_problems)
if [ -n "$problems" ]; then
  complain "$problems"
  complain "Nothing was changed."
  exit 1
fi

if [ -n "$packages$kafka_packages" ]; then
  if ! has apt-get || ! has dpkg-query; then
    if [ -n "$packages" ]; then
      advise_servers "There is no apt-get here to install them with. Ways to get them:"
      exit 1
    fi
    go_without_kafka "there is no apt-get here to install that with."
  elif ! become_root; then
    if [ -n "$packages" ]; then
      advise_apt
      exit 1
    fi
    go_without_kafka "installing that takes root, and sudo is not there or refuses."
  fi
fi

log=$(mktemp)
trap clean_up EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM

# The machine itself is changed last, when all that may fail on the way has been done.
if [ -n "$packages$kafka_packages" ]; then prepare_packages; fi
if npm_stale; then install_npm_packages; fi
if [ -n "$packages$kafka_packages" ]; then install_packages; fi
fetch_kafka
