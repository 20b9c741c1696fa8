#!/bin/sh
# Makes the database at the first start, then becomes PostgreSQL; any other command is run as it is.
set -eu
case ${1:-} in
'' | -*) set -- postgres "$@" ;;
postgres) ;;
*) exec "$@" ;;
esac

mkdir -p "$PGDATA"
chmod 700 "$PGDATA" 2>/dev/null || true # it may be somebody else's
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root.
    chown -R postgres:postgres "$PGDATA"
    # By its path: busybox takes its own setpriv, which cannot do this, for any other.
    exec /usr/bin/setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    [ -n "${POSTGRES_PASSWORD:-}" ] || { echo "POSTGRES_PASSWORD is not set: it becomes the superuser's password" >&2; exit 1; }
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    # Who is in the container already needs no password; who comes through the network does.
    initdb --username="$user" --pwfile=/dev/fd/3 --auth-local=trust --auth-host=scram-sha-256 --no-instructions 3<<END
$POSTGRES_PASSWORD
END
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        printf 'CREATE DATABASE "%s";\n' "$(printf %s "$database" | sed 's/"/""/g')" |
            postgres --single -D "$PGDATA" postgres >/dev/null
    fi
fi
exec "$@"
