#!/bin/bash
# Can this server, or the pg_tviews in it, be upgraded now?
#
#   pre-upgrade-checks.sh [OPTION...]
#     --all              each database that has pg_tviews, not only PGDATABASE
#     --backup PATH      a backup, file or directory, that there has to be, and
#     --max-age HOURS    not older than this (24)
#     --new-bin DIR      programs of the PostgreSQL to upgrade to: its pg_tviews
#                        has to be installed
#     --free PATH        where room for the data once more is needed, such as the
#                        new data directory or its parent
#     --no-rows          does not compare TVIEWs with their views, which reads
#                        all their rows
#
# Connects as psql does: PGHOST, PGPORT, PGUSER, PGDATABASE, .pgpass.  Changes
# nothing.  The exit status is 0 when all is well or there are warnings only, 1
# when something has to be done first, 2 when it could not check.
set -uo pipefail

backup='' max_age=24 new_bin='' free='' all='' rows=1
failed=0 warned=0

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; }
ok() { printf '✅ %s\n' "$*"; }
warn() { printf '⚠️  %s\n' "$*"; warned=$((warned + 1)); }
fail() { printf '❌ %s\n' "$*"; failed=$((failed + 1)); }
give_up() { printf 'pre-upgrade-checks.sh: %s\n' "$*" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --all) all=1;;
    --no-rows) rows='';;
    --backup | --max-age | --new-bin | --free)
      [ $# -gt 1 ] || give_up "$1 needs a value"
      case $1 in
        --backup) backup=$2;; --max-age) max_age=$2;; --new-bin) new_bin=$2;; --free) free=$2;;
      esac
      shift;;
    -h | --help) usage; exit 0;;
    *) usage >&2; exit 2;;
  esac
  shift
done
case $max_age in '' | *[!0-9]*) give_up "--max-age: not a number of hours: $max_age";; esac

# ask SQL [DATABASE]: the answer, as bare text; gives up when there is none.
ask() { psql -XAtq -v ON_ERROR_STOP=1 ${2:+-d "$2"} -c "$1" || give_up "no answer from the server"; }

# The server as a whole.
check_server() {
  local version prepared gids
  version=$(ask 'SHOW server_version_num') || exit 2
  if [ "$version" -ge 150000 ]; then
    ok "PostgreSQL $(ask 'SHOW server_version')"
  else
    fail "PostgreSQL $(ask 'SHOW server_version'): pg_tviews needs 15 or later"
  fi
  if [ "$(ask 'SHOW is_superuser')" != on ]; then
    warn "you are not a superuser: pg_upgrade and ALTER EXTENSION will want one"
  fi
  if [ "$(ask 'SELECT pg_is_in_recovery()')" = t ]; then
    warn "this is a standby: upgrade the primary first"
  fi
  prepared=$(ask 'SELECT count(*) FROM pg_prepared_xacts') || exit 2
  if [ "$prepared" = 0 ]; then
    ok "no prepared transactions"
  else
    gids=$(ask "SELECT string_agg(quote_literal(gid), ', ' ORDER BY gid) FROM pg_prepared_xacts")
    fail "$prepared prepared transactions: COMMIT PREPARED or ROLLBACK PREPARED $gids"
  fi
}

# A database that has pg_tviews.
check_database() {
  local db=$1 version count wrong schema
  version=$(ask "SELECT extversion FROM pg_extension WHERE extname = 'pg_tviews'" "$db") || exit 2
  if [ -z "$version" ]; then
    fail "$db: pg_tviews is not installed"
    return
  fi
  schema=$(ask "SELECT extnamespace::regnamespace::text FROM pg_extension
    WHERE extname = 'pg_tviews'" "$db") || exit 2
  local PGOPTIONS="${PGOPTIONS:-} -c search_path=${schema// /\\ },pg_catalog"
  export PGOPTIONS
  # the library may be missing or broken, which is a finding
  if ! wrong=$(psql -XAtq -v ON_ERROR_STOP=1 -d "$db" -c "SELECT check_name || ': ' || details
      FROM pg_tviews_health_check() WHERE status = 'ERROR'" 2>&1); then
    fail "$db: pg_tviews $version does not work: ${wrong%%$'\n'*}"
    return
  fi
  count=$(ask 'SELECT count(*) FROM pg_tview_meta' "$db") || exit 2
  ok "$db: pg_tviews $version, $count TVIEWs, $(ask 'SELECT pg_size_pretty(pg_database_size(current_database()))' "$db")"
  report "$db: health check" "$wrong"
  wrong=$(ask 'SELECT entity_name FROM pg_tviews_metadata WHERE last_error IS NOT NULL ORDER BY 1' "$db") || exit 2
  report "$db: last refreshes" "$wrong"
  wrong=$(ask 'SELECT entity_name FROM pg_tviews_queue WHERE processed_at IS NULL ORDER BY 1' "$db") || exit 2
  report "$db: queue" "$wrong"
  if [ -n "$rows" ] && [ -n "$(ask "SELECT to_regprocedure('pg_tviews_validate(text)')" "$db")" ]; then
    wrong=$(ask "SELECT entity_name || ': ' || issue FROM pg_tviews_validate()" "$db") || exit 2
    report "$db: rows as their views have them" "$wrong"
  fi
}

# report WHAT FINDINGS: fine without findings, one per line.
report() {
  local line
  if [ -z "$2" ]; then ok "$1"; return; fi
  while IFS= read -r line; do fail "$1: $line"; done <<<"$2"
}

check_backup() {
  local young
  if [ -z "$backup" ]; then
    warn "no backup was named (--backup PATH): have one, restored once"
  elif [ ! -s "$backup" ]; then
    fail "no backup $backup"
  else
    young=$(find "$backup" -maxdepth 1 -mmin "-$((max_age * 60))" -print -quit)
    if [ -n "$young" ]; then ok "backup $backup"; else fail "backup $backup is older than $max_age hours"; fi
  fi
}

check_room() {
  local need have at=$free
  [ -n "$free" ] || return 0
  while [ ! -e "$at" ] && [ "$at" != / ] && [ "$at" != . ]; do at=$(dirname "$at"); done
  need=$(ask 'SELECT (sum(pg_database_size(oid)) / 1024)::bigint FROM pg_database') || exit 2
  have=$(df -Pk "$at" | awk 'NR == 2 { print $4 }')
  [ -n "$have" ] || give_up "df cannot tell the free space of $at"
  if [ "$have" -gt "$need" ]; then
    ok "room on $at: $((have / 1024)) MB, the data have $((need / 1024)) MB"
  else
    fail "room on $at: $((have / 1024)) MB, the data have $((need / 1024)) MB"
  fi
}

check_new_bin() {
  local library control
  [ -n "$new_bin" ] || return 0
  [ -x "$new_bin/pg_config" ] || give_up "no pg_config in $new_bin"
  library=$("$new_bin/pg_config" --pkglibdir)/pg_tviews.so
  control=$("$new_bin/pg_config" --sharedir)/extension/pg_tviews.control
  if [ -e "$library" ] && [ -e "$control" ]; then
    ok "pg_tviews is installed for $("$new_bin/pg_config" --version)"
  else
    fail "pg_tviews is not installed for $("$new_bin/pg_config" --version): make PG_CONFIG=$new_bin/pg_config install"
  fi
}

check_server
if [ -n "$all" ]; then
  databases=$(ask 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1' postgres) || exit 2
  found=0
  while IFS= read -r db; do
    has=$(ask "SELECT count(*) FROM pg_extension WHERE extname = 'pg_tviews'" "$db") || exit 2
    [ "$has" = 1 ] || continue
    found=1
    check_database "$db"
  done <<<"$databases"
  [ $found = 1 ] || fail "no database has pg_tviews"
else
  db=$(ask 'SELECT current_database()') || exit 2
  check_database "$db"
fi
check_backup
check_room
check_new_bin

if [ $failed -gt 0 ]; then
  echo "not ready: $failed to be done first, $warned warnings"
  exit 1
fi
echo "ready, $warned warnings"
