# Callers of the internal listener, with the tokens of this cluster.
# shellcheck shell=sh disable=SC2086,SC2154,SC2231 # of whoever sources it

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
