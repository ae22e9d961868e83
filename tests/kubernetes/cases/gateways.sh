# Gateways in front of a server.
# shellcheck shell=sh disable=SC2086,SC2154,SC2231 # of whoever sources it

# Envoy Gateway, the snippets for NGINX Gateway Fabric and Traefik's Kubernetes provider with the manifests of
# deploy/kubernetes/gateways, in all cases of tests/gateways. A burst needs a second Envoy Gateway, which takes ports that cannot be chosen.
gateways_decide_as_they_do_elsewhere() {
    kubectl apply --server-side -f "$(scripts/kubernetes modules | sed -n 's/^traefik=//p')"/docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml >/dev/null
    ln -sf "$KUBECONFIG" target/kubernetes/kubeconfig
    gateways=$(
        scripts/gateways
        for name in envoy-gateway nginx-gateway-fabric traefik-kubernetes; do echo "$name=$root/tests/kubernetes/stand/$name"; done
    )
    CAPYKEYS_TEST_GATEWAYS=$gateways cargo test --locked --quiet --package capykeys-tests --test gateways -- --ignored \
        envoy_gateway nginx_gateway_fabric traefik_kubernetes --skip envoy_gateway::a_burst
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
        CAPYKEYS__SERVER__DRAIN=0s CAPYKEYS__SQLITE__DIRECTORY="$state/data/store" \
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
