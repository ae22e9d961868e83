#!/bin/sh
# curl with its default settings, and offering or keeping to other versions of HTTP.
set -eu
keys=$CAPYKEYS_URL/v1/organizations/$CAPYKEYS_ORGANIZATION/api-keys

# expect STATUS [OPTION…]: prints the body where the status is the one that was expected.
expect() {
    status=$1
    shift
    answer=$(curl -sS -w '\n%{http_code}' "$@")
    [ "${answer##*
}" = "$status" ] || { echo "$*: $answer" >&2; return 1; }
    echo "${answer%
*}"
}

for version in "" --http1.0 --http1.1 --http2; do
    if [ "$version" = --http2 ] && ! curl --version | grep -q HTTP2; then
        echo "skipped: this curl has no HTTP/2"
        continue
    fi
    signed_in() { expect "$@" ${version:+"$version"} -H "Authorization: Bearer $CAPYKEYS_KEY"; }
    signed_in 200 "$CAPYKEYS_URL/v1/me" >/dev/null
    signed_in 200 -I "$CAPYKEYS_URL/v1/me" >/dev/null
    expect 401 ${version:+"$version"} "$CAPYKEYS_URL/v1/me" >/dev/null
    created=$(signed_in 201 -H 'Content-Type: application/json' -d '{"name":"cürl","scopes":["jobs:read"]}' "$keys")
    id=$(echo "$created" | sed -E 's/.*"id":"(key_[^"]*)".*/\1/')
    signed_in 200 "$keys" | grep -q "$id"
    signed_in 200 -X DELETE "$keys/$id" >/dev/null
done
echo ok
