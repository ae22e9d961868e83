# What a platform team does with deploy/kubernetes and the chart: what the cases in cases/ have in common, each of which
# begins with an empty namespace. To be sourced by scripts/kubernetes-run.
# shellcheck shell=sh disable=SC2034,SC2154 # of whoever sources it

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
    rm -rf "$state/data"
    kubectl uncordon one two >/dev/null
    kubectl delete namespace capykeys --ignore-not-found >/dev/null
    # Volumes are kept, and are for nobody else's claim until somebody says so.
    kubectl patch persistentvolume of-one of-two --patch '{"spec": {"claimRef": null}}' >/dev/null
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

settings_of_servers() {
    kubectl get deployment capykeys -o jsonpath='{.spec.template.spec.volumes[?(@.name=="settings")].configMap.name}'
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
        CAPYKEYS__SERVER__DRAIN=0s "$@" "$capykeys" serve --config "$settings" >"$state/serve.log" 2>&1 &
    echo $! >>"$state/processes"
    eventually "the server is ready" curl -fsS "http://[::1]:$internal/readyz" || { cat "$state/serve.log"; return 1; }
}

no_server() {
    [ -z "$(kubectl get pods -l app.kubernetes.io/component=server -o name)" ]
}
