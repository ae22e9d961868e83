# Servers: installed, upgraded, rolled back, scaled, drained.
# shellcheck shell=sh disable=SC2086,SC2154,SC2231 # of whoever sources it

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
