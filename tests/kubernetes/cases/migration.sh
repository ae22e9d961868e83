# The migration: applied twice, and for real.
# shellcheck shell=sh disable=SC2046,SC2086,SC2154,SC2231 # of whoever sources it

the_migration_is_applied_twice() {
    install_production
    apply -k $manifests/overlays/production
    grep -q 'job.batch/capykeys-migrate-0.1.0 unchanged' "$state/applied"
    # Other settings have no part in it.
    kubectl kustomize $manifests/overlays/production | sed 's/workers = 4/workers = 5/' | apply -f -
    grep -q 'job.batch/capykeys-migrate-0.1.0 unchanged' "$state/applied"
    # The next release has one of its own.
    next_release production | apply -f -
    eventually "the schema is migrated again" migrated
    [ "$(kubectl get jobs -o name | wc -l)" = 2 ]
}

# A PostgreSQL that is there until the end, with a database of the name.
start_postgres() {
    as_nobody() { "$@"; }
    # It does not run as root.
    [ "$(id -u)" != 0 ] || as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups --reset-env "$@"; }
    chmod 755 "$state"
    as_nobody mkdir -p -m 700 "$1" 2>/dev/null || install -d -m 700 -o nobody "$1"
    port=$(free_port)
    (cd / && as_nobody "$postgres/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions >/dev/null &&
        as_nobody "$postgres/postgres" -D "$1/data" -c port="$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
            >"$state/postgres.log" 2>&1 & echo $! >>"$state/processes")
    eventually "PostgreSQL answers" psql -qtc 'SELECT 1' "postgres://postgres@127.0.0.1:$port/postgres"
    psql -qc 'CREATE DATABASE capykeys' "postgres://postgres@127.0.0.1:$port/postgres"
}

# part_of_job TYPE PROGRAM: what one of the Job's containers does, its variables first, with the secrets and files of
# this machine.
part_of_job() {
    part=".items[0].spec.template.spec.$1[0]"
    kubectl get jobs -o jsonpath="{range $part.env[*]}{.name}={.value} {end}$2 {$part.args[*]}" |
        sed -e "s|/var/run/secrets/migrations|$state/migrations|g" -e "s|/etc/capykeys|$manifests/migration|g"
}

the_commands_of_the_migration_work() {
    start_postgres "$state/postgres"
    apply -k $manifests/overlays/production
    mkdir "$state/migrations"
    printf '%s\n' '[admin]' host=127.0.0.1 "port=$port" dbname=capykeys user=postgres >"$state/migrations/pg_service.conf"
    echo "postgres://capykeys_migrations@127.0.0.1:$port/capykeys" >"$state/migrations/postgres-url"
    echo "postgres://capykeys_service@127.0.0.1:$port/capykeys" >"$state/service-url"
    (umask 077 && openssl rand -hex 32 >"$state/pepper")
    # Once by hand, for the two roles; then what the Job does, twice.
    env $(part_of_job containers psql)
    for _ in once twice; do
        env -i $(part_of_job initContainers "$capykeys") >/dev/null
        env $(part_of_job containers psql)
    done
    serve_as_configured deployment production CAPYKEYS__POSTGRES__URL_FILE="$state/service-url" \
        CAPYKEYS__KEYS__PEPPER_FILE="$state/pepper" CAPYKEYS__INTERNAL__AUTHORIZE__RULES_FILE=$manifests/overlays/production/rules.toml
}
