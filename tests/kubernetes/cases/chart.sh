# The chart, and what is no object of Kubernetes' own.
# shellcheck shell=sh disable=SC2086,SC2154,SC2231 # of whoever sources it

chart() {
    action=$1
    shift
    helm "$action" capykeys "$@" --namespace capykeys --wait --timeout 60s >"$state/helm" 2>&1 || { cat "$state/helm"; return 1; }
    if grep -i 'would violate' "$state/helm"; then return 1; fi
}

# The chart as it was released last, or today's where the clone does not have it. Its files are links to others.
released_chart() {
    mkdir "$state/released"
    if git archive "$(cat tests/kubernetes/released/COMMIT)" deploy crates/postgres/roles.sql 2>/dev/null | tar -x -C "$state/released" 2>/dev/null; then
        echo "$state/released/deploy/helm/capykeys"
    else
        echo deploy/helm/capykeys
    fi
}

the_chart_is_installed_upgraded_rolled_back_and_removed() {
    callers='callers.token.subjects={system:serviceaccount:example:api}'
    chart install "$(released_chart)" --set "$callers"
    eventually "three servers are ready" ready deployment 3
    kubectl wait --for=condition=complete job/capykeys-migrate --timeout=1s >/dev/null
    before=$(settings_of_servers)
    kubectl get configmap "$before" >/dev/null
    first=$(kubectl get job capykeys-migrate -o jsonpath='{.metadata.uid}')
    # Other settings and another image: a Job of its own, and the settings of the servers before are still there.
    sed 's/workers = 4/workers = 5/' $manifests/overlays/production/capykeys.toml >"$state/settings.toml"
    chart upgrade deploy/helm/capykeys --set "$callers" --set image.tag=0.99.0 --set-file settings="$state/settings.toml"
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
    chart install deploy/helm/capykeys --set "$callers" --set store=sqlite
    eventually "the server is ready" ready statefulset 1
    chart uninstall
    kubectl get persistentvolumeclaim store-capykeys-0 >/dev/null
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
        -f tests/kubernetes/definitions -f "$(of cert-manager)/deploy/crds/cert-manager.io_certificates.yaml" -f "$(of cert-manager)/deploy/crds/cert-manager.io_issuers.yaml" >/dev/null
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
