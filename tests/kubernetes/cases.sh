# What a platform team does with deploy/kubernetes and the chart, one function each; each begins with an empty
# namespace. To be sourced by scripts/kubernetes-run.
# shellcheck shell=sh disable=SC2154 # of whoever sources it

cases='the_embedded_store_is_installed_and_leaves_its_volume
production_is_installed_and_upgraded
the_migration_is_applied_twice
an_upgrade_from_the_last_release_and_back
a_roll_back_finds_its_settings
scaling_is_the_autoscalers
a_drain_waits_for_the_disruption_budget
pods_that_are_not_restricted_are_forbidden
tokens_of_the_cluster_are_verified
the_commands_of_the_migration_work
the_chart_is_installed_upgraded_rolled_back_and_removed
custom_resources_are_accepted
gateways_decide_as_they_do_elsewhere
gateways_prove_themselves_with_a_certificate'

manifests=deploy/kubernetes

fail() {
    echo "$*" >&2
    return 1
}

# Without a warning either: a template that pod security would refuse is one.
apply() {
    kubectl apply --validate=strict "$@" >"$state/applied" 2>&1 || { cat "$state/applied"; return 1; }
    # But for the Job's name, which has the dots of a version in it. Its pods are called otherwise.
    if grep -i warning "$state/applied" | grep -v 'must not contain dots'; then return 1; fi
}

fresh_namespace() {
    kubectl uncordon one two >/dev/null
    kubectl delete namespace capykeys --ignore-not-found >/dev/null
    kubectl apply -f $manifests/namespace.yaml >/dev/null
    eventually "the namespace has its authority" kubectl -n capykeys get configmap kube-root-ca.crt
    eventually "the namespace has its account" kubectl -n capykeys get serviceaccount default
    kubectl apply -f $manifests/overlays/production/secrets.example.yaml >/dev/null
    kubectl config set-context --current --namespace capykeys >/dev/null
}

# ready KIND NUMBER: whether so many pods of it are ready, and it wants no other number.
ready() {
    [ "$(kubectl get "$1" capykeys -o jsonpath='{.spec.replicas} {.status.replicas} {.status.readyReplicas} {.status.updatedReplicas}')" = "$2 $2 $2 $2" ] &&
        kubectl rollout status "$1/capykeys" --timeout=1s
}

migrated() {
    kubectl wait --for=condition=complete job --all --timeout=1s
}

install_production() {
    apply -k $manifests/overlays/production
    eventually "the schema is migrated" migrated
    eventually "three servers are ready" ready deployment 3
}

# Today's manifests as the next release: with another tag.
next_release() {
    kubectl kustomize "$manifests/overlays/$1" | sed 's/0\.1\.0/0.99.0/'
}

the_embedded_store_is_installed_and_leaves_its_volume() {
    apply -f tests/kubernetes/released/local.yaml
    eventually "the server is ready" ready statefulset 1
    claim=$(kubectl get persistentvolumeclaim -o name)
    # A volume's template can never be changed: the upgrade is refused where it was.
    next_release local >"$state/next.yaml"
    apply -f "$state/next.yaml"
    eventually "the server is replaced" ready statefulset 1
    [ "$(kubectl get pod capykeys-0 -o jsonpath='{.spec.containers[0].image}')" = capykeys:0.99.0 ]
    kubectl delete --wait -f "$state/next.yaml" >/dev/null
    [ "$(kubectl get persistentvolumeclaim -o name)" = "$claim" ] || fail "the volume went with the server"
    [ -z "$(kubectl get poddisruptionbudget -o name)" ] || fail "a budget for one server holds up every drain"
}

production_is_installed_and_upgraded() {
    install_production
    next_release production | apply -f -
    eventually "three newer servers are ready" ready deployment 3
    for pod in $(kubectl get pods -l app.kubernetes.io/component=server -o jsonpath='{.items[*].spec.containers[0].image}'); do
        [ "$pod" = capykeys:0.99.0 ]
    done
    kubectl delete --wait -k $manifests/overlays/production >/dev/null
    eventually "no server is left" no_server
}

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

an_upgrade_from_the_last_release_and_back() {
    apply -f tests/kubernetes/released/production.yaml
    eventually "three servers are ready" ready deployment 3
    next_release production >"$state/next.yaml"
    apply -f "$state/next.yaml"
    eventually "the schema is migrated" migrated
    eventually "three servers are ready" ready deployment 3
    apply -f tests/kubernetes/released/production.yaml
    eventually "three older servers are ready" ready deployment 3
    [ "$(kubectl get deployment capykeys -o jsonpath='{.spec.template.spec.containers[0].image}')" = capykeys:0.1.0 ]
}

a_roll_back_finds_its_settings() {
    install_production
    before=$(settings_of_servers)
    kubectl kustomize $manifests/overlays/production | sed -e 's/workers = 4/workers = 5/' -e "s/$before/capykeys-changed/" | apply -f -
    eventually "three servers are ready" ready deployment 3
    [ "$(settings_of_servers)" = capykeys-changed ]
    # An old server that starts again in the midst of a roll-out finds what it was started with.
    kubectl get configmap "$before" -o jsonpath='{.data.capykeys\.toml}' | grep -q 'workers = 4'
    kubectl rollout undo deployment/capykeys >/dev/null
    eventually "three servers are ready" ready deployment 3
    [ "$(settings_of_servers)" = "$before" ]
}

settings_of_servers() {
    kubectl get deployment capykeys -o jsonpath='{.spec.template.spec.volumes[?(@.name=="settings")].configMap.name}'
}

scaling_is_the_autoscalers() {
    install_production
    kubectl patch horizontalpodautoscaler capykeys --patch '{"spec": {"minReplicas": 5}}' >/dev/null
    eventually "five servers are ready" ready deployment 5
    # An apply of the same manifests leaves the number alone: they do not name one.
    kubectl get deployment capykeys -o yaml --show-managed-fields=false | grep -q 'replicas: 5'
    kubectl kustomize $manifests/overlays/production | sed 's/minReplicas: 3/minReplicas: 5/' | apply -f -
    eventually "five servers are ready" ready deployment 5
}

a_drain_waits_for_the_disruption_budget() {
    install_production
    eventually "the budget knows the servers" budget_allows 1
    # With nowhere to go, one may be missing and no more.
    kubectl cordon one two >/dev/null
    if kubectl drain one two --ignore-daemonsets --timeout=5s >"$state/drain" 2>&1; then fail "all servers were evicted"; fi
    grep -q 'disruption budget' "$state/drain"
    [ "$(kubectl get deployment capykeys -o jsonpath='{.status.readyReplicas}')" = 2 ]
    # With room elsewhere, a node is emptied one by one.
    kubectl uncordon two >/dev/null
    eventually "three servers are ready" ready deployment 3
    kubectl drain one --ignore-daemonsets --timeout=60s >/dev/null 2>&1
    eventually "three servers are ready" ready deployment 3
    [ -z "$(kubectl get pods --field-selector spec.nodeName=one -l app.kubernetes.io/component=server -o name)" ]
}

budget_allows() {
    [ "$(kubectl get poddisruptionbudget capykeys -o jsonpath='{.status.disruptionsAllowed}')" = "$1" ]
}

pods_that_are_not_restricted_are_forbidden() {
    install_production
    # The servers' own pod is admitted, and is not once it may gain privileges: the namespace does enforce.
    kubectl get deployment capykeys -o json >"$state/deployment.json"
    pod() { python3 -c "$1" <"$state/deployment.json"; }
    whole='import json, sys
template = json.load(sys.stdin)["spec"]["template"]
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}, "spec": template["spec"]}
'
    pod "$whole
json.dump(pod, sys.stdout)" | kubectl apply -f - >/dev/null
    for loosened in 'allowPrivilegeEscalation": True' 'capabilities": {}' 'runAsUser": 0'; do
        pod "$whole
pod['metadata']['name'] = 'loosened'
pod['spec']['containers'][0]['securityContext'].update({\"$loosened})
json.dump(pod, sys.stdout)" >"$state/loosened.json"
        if kubectl apply -f "$state/loosened.json" >"$state/refusal" 2>&1; then fail "admitted with $loosened"; fi
        grep -q 'violates PodSecurity' "$state/refusal"
    done
}

# serve_as_configured KIND OVERLAY VARIABLE…: a server on this machine with what the cluster's has in its environment,
# and with the overlay's settings. Files and addresses are others, and so are the variables that are given.
serve_as_configured() {
    environment=$(kubectl get "$1" capykeys -o jsonpath='{range .spec.template.spec.containers[0].env[*]}{.name}={.value}{"\n"}{end}' |
        sed -e "s|=/var/run/secrets/cluster/ca.crt$|=$state/certificates/apiserver.crt|" -e "s|=/var/run/secrets/cluster/token$|=$state/asking|" \
            -e "s|=https://kubernetes.default.svc.cluster.local$|=$api|" -e "s|=https://kubernetes.default.svc/openid|=$api/openid|")
    # The rights of the service's account are enough to ask for the key set.
    kubectl create token capykeys --duration 1h >"$state/asking"
    settings=$manifests/overlays/$2/capykeys.toml
    shift 2
    internal=$(free_port)
    # shellcheck disable=SC2086 # several variables
    env -i $environment CAPYKEYS__SERVER__LISTEN="[::]:$(free_port)" CAPYKEYS__INTERNAL__LISTEN="[::]:$internal" \
        CAPYKEYS__SERVER__DRAIN_MS=0 "$@" "$capykeys" serve --config "$settings" >"$state/serve.log" 2>&1 &
    echo $! >>"$state/processes"
    eventually "the server is ready" curl -fsS "http://[::1]:$internal/readyz" || { cat "$state/serve.log"; return 1; }
}

# verify TOKEN: the status of the answer to a workload that shows this token.
verify() {
    curl -sS -o "$state/verdict" -w '%{http_code}' -H "Authorization: Bearer $1" -H 'Content-Type: application/json' \
        -d "{\"api_key\": \"$(grep -o 'capy_live_[0-9A-Za-z]*' "$state/data/first-key" | head -1)\"}" "http://127.0.0.1:$internal/v1/api-keys/verify"
}

tokens_of_the_cluster_are_verified() {
    apply -k $manifests/overlays/local
    mkdir "$state/data"
    serve_as_configured statefulset local CAPYKEYS__SQLITE__DIRECTORY="$state/data/store" \
        CAPYKEYS__SQLITE__FIRST_KEY_FILE="$state/data/first-key"
    # Whom the overlay lets in.
    [ "$(verify "$(kubectl -n default create token default --audience capykeys --duration 1h)")" = 200 ]
    [ "$(verify "$(kubectl -n default create token default --duration 1h)")" = 401 ]
    [ "$(verify "$(kubectl create token default --audience capykeys --duration 1h)")" = 401 ]
    [ "$(verify "$(kubectl -n default create token default --audience capykeys --duration 48h)")" = 401 ]
    [ "$(verify forged)" = 401 ]
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

# part_of_job TYPE: what one of the Job's containers does, with the secrets and files of this machine.
part_of_job() {
    kubectl get jobs -o jsonpath="{.items[0].spec.template.spec.$1[0].args[0]}" |
        sed -e "s|/var/run/secrets/migrations|$state/migrations|g" -e "s|/etc/capykeys|$manifests/migration|g"
}

the_commands_of_the_migration_work() {
    start_postgres "$state/postgres"
    apply -k $manifests/overlays/production
    mkdir "$state/migrations"
    echo "postgres://postgres@127.0.0.1:$port/capykeys" >"$state/migrations/admin-url"
    echo "postgres://capykeys_migrations@127.0.0.1:$port/capykeys" >"$state/migrations/postgres-url"
    echo "postgres://capykeys_service@127.0.0.1:$port/capykeys" >"$state/service-url"
    (umask 077 && openssl rand -hex 32 >"$state/pepper")
    # Once by hand, for the two roles; then what the Job does, twice.
    sh -ec "$(part_of_job containers)"
    for _ in once twice; do
        env -i CAPYKEYS__STORE__KIND=postgres CAPYKEYS__POSTGRES__URL_FILE="$state/migrations/postgres-url" \
            "$capykeys" "$(part_of_job initContainers)" >/dev/null
        sh -ec "$(part_of_job containers)"
    done
    serve_as_configured deployment production CAPYKEYS__POSTGRES__URL_FILE="$state/service-url" \
        CAPYKEYS__KEYS__PEPPER_FILE="$state/pepper" CAPYKEYS__INTERNAL__AUTHORIZE__RULES_FILE=$manifests/overlays/production/rules.toml
}

chart() {
    action=$1
    shift
    helm "$action" capykeys "$@" --namespace capykeys --wait --timeout 60s >"$state/helm" 2>&1 || { cat "$state/helm"; return 1; }
    if grep -i 'would violate' "$state/helm"; then return 1; fi
}

the_chart_is_installed_upgraded_rolled_back_and_removed() {
    chart install deploy/helm/capykeys
    eventually "three servers are ready" ready deployment 3
    kubectl wait --for=condition=complete job/capykeys-migrate --timeout=1s >/dev/null
    before=$(settings_of_servers)
    kubectl get configmap "$before" >/dev/null
    first=$(kubectl get job capykeys-migrate -o jsonpath='{.metadata.uid}')
    # Other settings and another image: a Job of its own, and the settings of the servers before are still there.
    sed 's/workers = 4/workers = 5/' $manifests/overlays/production/capykeys.toml >"$state/settings.toml"
    chart upgrade deploy/helm/capykeys --set image.tag=0.99.0 --set-file settings="$state/settings.toml"
    eventually "three newer servers are ready" ready deployment 3
    [ "$(kubectl get job capykeys-migrate -o jsonpath='{.metadata.uid}')" != "$first" ]
    [ "$(settings_of_servers)" != "$before" ]
    kubectl get configmap "$before" >/dev/null
    chart rollback 1
    eventually "three older servers are ready" ready deployment 3
    [ "$(settings_of_servers)" = "$before" ]
    [ "$(kubectl get deployment capykeys -o jsonpath='{.spec.template.spec.containers[0].image}')" = capykeys:0.1.0 ]
    chart uninstall
    eventually "no server is left" no_server
    # The embedded store, from the same chart.
    chart install deploy/helm/capykeys --set store=sqlite
    eventually "the server is ready" ready statefulset 1
    chart uninstall
    kubectl get persistentvolumeclaim store-capykeys-0 >/dev/null
}

no_server() {
    [ -z "$(kubectl get pods -l app.kubernetes.io/component=server -o name)" ]
}

# Envoy Gateway and Traefik's Kubernetes provider with the manifests of deploy/kubernetes/gateways, in all cases of
# tests/gateways. A burst needs a second Envoy Gateway, which takes ports that cannot be chosen.
gateways_decide_as_they_do_elsewhere() {
    kubectl apply --server-side -f "$(scripts/kubernetes modules | sed -n 's/^traefik=//p')"/docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml >/dev/null
    ln -sf "$KUBECONFIG" target/kubernetes/kubeconfig
    gateways=$(
        scripts/gateways
        for name in envoy-gateway traefik-kubernetes; do echo "$name=$root/tests/kubernetes/stand/$name"; done
    )
    CAPYKEYS_TEST_GATEWAYS=$gateways cargo test --locked --quiet --package capykeys-tests --test gateways -- --ignored \
        --skip envoy_gateway::a_burst
}

# By the API server, with what definitions say beyond a schema.
custom_resources_are_accepted() {
    scripts/kubernetes modules >"$state/modules"
    of() { sed -n "s/^$1=//p" "$state/modules"; }
    kubectl apply --server-side -k "$(of gateway-api)/config/crd/experimental" >/dev/null
    # Templates of a chart begin and end with lines of their own.
    cat "$(of gateway)"/charts/gateway-crds-helm/templates/generated/*.yaml | grep -v '^{{' | kubectl apply --server-side -f - >/dev/null
    kubectl apply --server-side -f "$(of api)/kubernetes/customresourcedefinitions.gen.yaml" \
        -f "$(of traefik)/docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml" \
        -f "$(of prometheus-operator)/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml" \
        -f "$(of prometheus-operator)/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml" \
        -f "$(of external-secrets)/config/crds/bases/external-secrets.io_externalsecrets.yaml" \
        -f "$(of cert-manager)/deploy/crds/cert-manager.io_certificates.yaml" -f "$(of cert-manager)/deploy/crds/cert-manager.io_issuers.yaml" >/dev/null
    kubectl wait --for=condition=Established customresourcedefinition --all --timeout=30s >/dev/null
    for namespace in example istio-ingress envoy-gateway-system; do
        kubectl create namespace $namespace >/dev/null
    done
    for overlay in tests/kubernetes/overlays/*; do
        kubectl kustomize "$overlay" | apply --dry-run=server -f -
    done
    helm template capykeys deploy/helm/capykeys --values tests/kubernetes/everything.yaml --namespace capykeys 2>/dev/null |
        apply --dry-run=server -f -
    for file in $manifests/gateways/*/gateway.yaml $manifests/gateways/*/route*.yaml $manifests/gateways/*/certificate.yaml; do
        apply --dry-run=server -f "$file"
    done
}

# An authority, and a certificate of it for capykeys and one for a gateway.
make_certificates() {
    mkdir "$state/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=callers' \
        -keyout "$state/tls/ca.key" -out "$state/tls/ca.crt" 2>/dev/null
    for name in "server DNS:capykeys-internal.capykeys.svc,IP:127.0.0.1" "client DNS:gateway.capykeys.internal"; do
        file=$state/tls/${name%% *}
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout "$file.key" -out "$file.csr" 2>/dev/null
        echo "subjectAltName=${name#* }" >"$file.ext"
        openssl x509 -req -in "$file.csr" -CA "$state/tls/ca.crt" -CAkey "$state/tls/ca.key" -CAcreateserial -days 2 \
            -extfile "$file.ext" -out "$file.crt" 2>/dev/null
    done
}

# A server with the variables of callers-certificate, which lets nobody ask without one.
serve_to_certificates() {
    environment=$(kubectl kustomize tests/kubernetes/overlays/certificates |
        sed -n 's/^        - name: \(CAPYKEYS__.*\)/\1/p; s/^          value: \(.*\)/=\1/p' | tr -d "'\n" | sed 's/CAPYKEYS__/ &/g' |
        sed -e "s|/var/run/secrets/internal-tls/tls|$state/tls/server|g" -e "s|/var/run/secrets/internal-tls|$state/tls|g" -e 's|=\[::\]:8082|=[::]:0|')
    internal=$(free_port)
    public=$(free_port)
    mkdir "$state/data"
    # shellcheck disable=SC2086 # several variables
    env -i $environment CAPYKEYS__SERVER__LISTEN="[::]:$public" CAPYKEYS__INTERNAL__LISTEN="[::]:$internal" \
        CAPYKEYS__SERVER__DRAIN_MS=0 CAPYKEYS__SQLITE__DIRECTORY="$state/data/store" \
        CAPYKEYS__SQLITE__FIRST_KEY_FILE="$state/data/first-key" \
        CAPYKEYS__INTERNAL__AUTHORIZE__RULES_FILE=$manifests/overlays/production/rules.toml \
        "$capykeys" serve --config $manifests/overlays/local/capykeys.toml >"$state/serve.log" 2>&1 &
    echo $! >>"$state/processes"
    eventually "the server is ready" curl -fsS "http://127.0.0.1:$public/readyz" || { cat "$state/serve.log"; return 1; }
    if curl -sS --cacert "$state/tls/ca.crt" "https://127.0.0.1:$internal/readyz" >/dev/null 2>&1; then fail "served without a certificate"; fi
    key=$(grep -o 'capy_live_[0-9A-Za-z]*' "$state/data/first-key" | head -1)
}

# answers STATUS ARGUMENT…: whether the gateway does, for a key and without.
answers() {
    [ "$(curl -sS -o /dev/null -w '%{http_code}' -H "X-API-Key: $1" "http://127.0.0.1:$clients/v1/projects/p_1/jobs/")" = "$2" ]
}

decides() {
    eventually "$1 lets a good key in" answers "$key" 200 || { cat "$state/$1.log" "$state/serve.log"; return 1; }
    answers capy_live_none 401
}

gateways_prove_themselves_with_a_certificate() {
    make_certificates
    serve_to_certificates
    upstream=$(free_port)
    mkdir -p "$state/api/v1/projects/p_1/jobs" "$state/envoy" "$state/traefik"
    start python3 -m http.server --bind 127.0.0.1 --directory "$state/api" "$upstream"

    # Traefik, with the Secret as cert-manager makes it.
    clients=$(free_port)
    kubectl create namespace example --dry-run=client -o yaml | kubectl apply -f - >/dev/null
    kubectl apply --server-side -f "$(scripts/kubernetes modules | sed -n 's/^traefik=//p')"/docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml >/dev/null
    ln -sf "$KUBECONFIG" target/kubernetes/kubeconfig
    cp $manifests/gateways/traefik/values.yaml "$state/traefik/"
    sed "s|https://capykeys-internal.capykeys.svc:8081|https://127.0.0.1:$internal|" $manifests/gateways/traefik/routes.yaml >"$state/traefik/routes.yaml"
    sed "s/port: 9000/port: $upstream/" tests/kubernetes/stand/services.yaml >"$state/traefik/services.yaml"
    kubectl create secret generic capykeys-gateway-tls --namespace example --dry-run=client -o yaml --from-file=ca.crt="$state/tls/ca.crt" \
        --from-file=tls.crt="$state/tls/client.crt" --from-file=tls.key="$state/tls/client.key" >>"$state/secret.yaml"
    { echo ---; cat "$state/secret.yaml"; } >>"$state/traefik/services.yaml"
    echo "clients=127.0.0.1:$clients" >"$state/traefik/address"
    # shellcheck disable=SC2016 # its own
    start sh -c 'cd "$1" && exec "$2"' traefik "$state/traefik" "$root/tests/kubernetes/stand/traefik-kubernetes"
    mv "$log" "$state/traefik.log" && log=$state/traefik.log
    decides traefik
    echo "Traefik asks with its certificate"

    # Envoy Gateway, without a cluster: Backends in place of Services, and Envoy as a process of its own.
    clients=$(free_port)
    python=$(scripts/kubernetes python)
    "${python#python=}" tests/kubernetes/stand/without_cluster.py "$clients" "$upstream" "$internal" "$state/tls" \
        $manifests/gateways/envoy-gateway/gateway.yaml $manifests/gateways/envoy-gateway/certificate.yaml >"$state/envoy/resources.yaml"
    # shellcheck disable=SC2016 # its own
    start sh -c 'cd "$1" && exec "$2"' envoy "$state/envoy" "$root/tests/kubernetes/stand/envoy-gateway"
    mv "$log" "$state/envoy.log"
    decides envoy
    echo "Envoy Gateway asks with its certificate"
}
