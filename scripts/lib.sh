# shellcheck shell=bash
# What scripts/demo, scripts/test and tools/pg-matrix share: packages, a
# private copy of PostgreSQL, a private server, an ordinary user to run it.
#
# Nothing here touches the machine's own PostgreSQL.  PostgreSQL finds its
# files relative to its programs, so the extension is installed into a copy of
# it (60 MB, under a second) in a temporary directory, and the server started
# from there listens on a socket in that directory only.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# within CMD...: what hangs is ended, and fails, after TEST_TIMEOUT seconds, or
# when TEST_DEADLINE has come, in seconds since 1970.
within() {
  local limit=${TEST_TIMEOUT:-900} left
  if [ -n "${TEST_DEADLINE:-}" ]; then
    left=$((TEST_DEADLINE - $(date +%s)))
    if ((left < limit)); then limit=$((left > 1 ? left : 1)); fi
  fi
  timeout --foreground --kill-after=20 "$limit" "$@"
}

# usage FILE: the comment at its top.
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$1"; }

# The newest packaged PostgreSQL with server headers, or the one in PATH.
# Debian's /usr/bin/pg_config is a wrapper for building clients: last resort.
find_postgres() {
  local c
  for c in ${PG_CONFIG:-$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config \
      /usr/pgsql-*/bin/pg_config | sort -t/ -k5rV) pg_config}; do
    c=$(command -v "$c") || continue
    if [ -f "$("$c" --includedir-server)/postgres.h" ] &&
        [ -x "$("$c" --bindir)/postgres" ]; then
      PG_CONFIG=$c
      return 0
    fi
  done
  return 1
}

# A python that has psycopg2, which need not be the first one in PATH.
find_python() {
  for PYTHON in /usr/bin/python3 python3; do
    "$PYTHON" -c 'import psycopg2' 2>/dev/null && return 0
  done
  return 1
}

# install_packages PACKAGE...: with apt as root; else says what to install.
install_packages() {
  local hook=/etc/postgresql-common/createcluster.d rc=0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "missing here; on Debian, as root: apt-get install --no-install-recommends $*"
  fi
  say "installing: $*"
  # a new PostgreSQL package starts a cluster "main" unless told not to
  mkdir -p "$hook"
  echo 'create_main_cluster = false' >"$hook/zz-pg_tviews.conf"
  # a source that is of no use here must not be in the way, nor another apt
  { apt-get -q update || :; DEBIAN_FRONTEND=noninteractive \
      apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "$@"
  } >"${TMPDIR:-/tmp}/pg_tviews-apt.log" 2>&1 </dev/null || rc=$?
  rm -f "$hook/zz-pg_tviews.conf"
  rmdir -p --ignore-fail-on-non-empty "$hook" 2>/dev/null || :
  [ $rc = 0 ] || { tail -n 15 "${TMPDIR:-/tmp}/pg_tviews-apt.log" >&2
    die "cannot install packages (no network?): $*"; }
  rm -f "${TMPDIR:-/tmp}/pg_tviews-apt.log"
  hash -r
}

# need TOOL...: what is not here gets installed.  A tool is "server" (a compiler
# and PostgreSQL with its headers), "ipc-run", "psycopg2", "chromium" under any of
# its names, or a command.
need() {
  local missing=() tool
  for tool; do
    case $tool in
      server)
        if ! command -v cc >/dev/null || ! command -v make >/dev/null; then
          missing+=(build-essential)
        fi
        # shellcheck disable=SC2207
        find_postgres || missing+=($(server_packages));;
      ipc-run) perl -MIPC::Run -e 1 2>/dev/null || missing+=(libipc-run-perl);;
      psycopg2) find_python || missing+=(python3-psycopg2);;
      pgbouncer) [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer);;
      chromium)
        command -v chromium chromium-browser google-chrome >/dev/null || missing+=(chromium);;
      *) command -v "$tool" >/dev/null || missing+=("$tool");;
    esac
  done
  if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi
}

# The packages of Debian's own PostgreSQL.
server_packages() {
  local major
  [ -z "${PG_CONFIG:-}" ] ||
    die "PG_CONFIG=$PG_CONFIG: no pg_config of a PostgreSQL with server headers"
  major=$(apt-cache depends postgresql 2>/dev/null |
    sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
  echo "postgresql-${major:-15} postgresql-server-dev-${major:-15}"
}

# copy_tree DIR: what a clone would have, with the changes not yet committed.
copy_tree() {
  mkdir -p "$1"
  if git -C "$TOP" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    (cd "$TOP" && git ls-files -co --exclude-standard -z |
      tar --null -T - --ignore-failed-read -cf - 2>/dev/null) | tar -xf - -C "$1"
  else
    tar -C "$TOP" --exclude=./build -cf - . | tar -xf - -C "$1"
  fi
}

# as_user DIR CMD...: CMD in DIR; root hands DIR to an ordinary user first,
# because PostgreSQL refuses to run as root.
as_user() {
  local dir=$1 user
  shift
  if [ "$(id -u)" != 0 ]; then (cd "$dir" && "$@"); return; fi
  user=$(id -un postgres 2>/dev/null || echo nobody)
  chown -R "$user:" "$dir"
  (cd "$dir" && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups \
    env HOME="$dir" USER="$user" LOGNAME="$user" "$@")
}

# copy_postgres DIR: sets PG_CONFIG to that of the copy, in which every path
# stands as it does below the root directory.
copy_postgres() {
  local bin what=() d
  bin=$("$PG_CONFIG" --bindir)
  for d in "$bin"/{pg_*,postgres,psql,initdb,createdb,dropdb,pgbench,vacuumdb} \
      $("$PG_CONFIG" --pkglibdir --sharedir --includedir-server --pkgincludedir); do
    [ ! -e "$d" ] || what+=("${d#/}")
  done
  mkdir -p "$1"
  tar -C / -cf - "${what[@]}" | tar -xf - -C "$1"
  PG_CONFIG=$1$bin/pg_config
}

# start_server DIR: a new cluster, reached through the usual PG variables; PRELOAD
# names libraries for the server alone, PG_TVIEWS_CONF a line for its settings.
# max_prepared_transactions is off by default, and two-phase commit is tested.
start_server() {
  local bin
  bin=$("$PG_CONFIG" --bindir)
  PGDATA=$1/data
  export PGDATA PGHOST=$1 PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PATH=$bin:$PATH
  unset PGOPTIONS PGSERVICE PGPASSFILE
  initdb -U postgres -A trust -N --no-instructions -E UTF8 --locale=C \
    >"$1/initdb.log" 2>&1 || { cat "$1/initdb.log" >&2; return 1; }
  cat >>"$PGDATA/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$1'
fsync = off
max_prepared_transactions = 20
log_line_prefix = '%m [%p] %a '
${PG_TVIEWS_CONF:-}
CONF
  env ${PRELOAD:+LD_PRELOAD="$PRELOAD"} pg_ctl -l "$1/log" -w -t 60 start >/dev/null || { tail -n 15 "$1/log" >&2; return 1; }
}

stop_server() {
  [ ! -f "${PGDATA:-}/postmaster.pid" ] || pg_ctl -m immediate -w stop >/dev/null 2>&1 || :
}
