# A Kubernetes control plane on this machine, for scripts/kubernetes-run. To be sourced: `$state` is a folder of its
# own, `$programs` holds the programs. API server, controllers and scheduler are the real ones; kwok plays the
# kubelets, so that pods run by name alone; it sends no heartbeats.
# shellcheck shell=sh disable=SC2154 # of whoever sources it

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts a program in the background; it is ended with the control plane.
start() {
    log=$state/${1##*/}.log
    "$@" >"$log" 2>&1 &
    echo $! >>"$state/processes"
}

# eventually WHAT COMMAND…: waits until the command holds, for a minute at most.
eventually() {
    what=$1
    shift
    tries=0
    until "$@" >"$state/last" 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "It did not come about: $what"; cat "$state/last"; return 1; }
        sleep 0.2
    done
}

start_control_plane() {
    : >"$state/processes"
    etcd=http://127.0.0.1:$(free_port)
    peers=http://127.0.0.1:$(free_port)
    api=https://127.0.0.1:$(free_port)

    start "$programs/etcd" --data-dir "$state/etcd" --unsafe-no-fsync --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
        --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers"
    eventually "etcd is there" curl -fsS "$etcd/health"

    # What signs service accounts' tokens, and an administrator.
    (
        umask 077
        openssl genrsa -out "$state/tokens.key" 2048 2>/dev/null
        openssl rsa -in "$state/tokens.key" -pubout -out "$state/tokens.pub" 2>/dev/null
        openssl rand -hex 24 >"$state/token"
        echo "$(cat "$state/token"),admin,admin,system:masters" >"$state/tokens.csv"
        cat >"$state/kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "$api", certificate-authority: "$state/certificates/apiserver.crt"}}]
users: [{name: admin, user: {token: "$(cat "$state/token")"}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
END
    )
    export KUBECONFIG="$state/kubeconfig"
    # Its certificate carries its authority, so the file is a bundle of authorities too. Nobody is anonymous.
    start "$programs/kube-apiserver" --etcd-servers "$etcd" --bind-address 127.0.0.1 --secure-port "${api##*:}" \
        --cert-dir "$state/certificates" --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/16 \
        --token-auth-file "$state/tokens.csv" --authorization-mode RBAC --anonymous-auth=false --allow-privileged=true \
        --service-account-issuer "$api" --service-account-jwks-uri "$api/openid/v1/jwks" --external-hostname 127.0.0.1 \
        --service-account-key-file "$state/tokens.pub" --service-account-signing-key-file "$state/tokens.key"
    eventually "the API server is ready" kubectl get --raw /readyz
    start "$programs/kube-controller-manager" --kubeconfig "$KUBECONFIG" --leader-elect=false --bind-address 127.0.0.1 \
        --secure-port "$(free_port)" --cert-dir "$state/controllers" --service-account-private-key-file "$state/tokens.key" \
        --root-ca-file "$state/certificates/apiserver.crt" --horizontal-pod-autoscaler-sync-period 1s \
        --node-monitor-grace-period 1h
    start "$programs/kube-scheduler" --kubeconfig "$KUBECONFIG" --leader-elect=false --bind-address 127.0.0.1 \
        --secure-port "$(free_port)" --cert-dir "$state/scheduler"
    kubectl kustomize "$stages" >"$state/stages.yaml"
    start "$programs/kwok" --kubeconfig "$KUBECONFIG" --config "$state/stages.yaml" --manage-all-nodes=true \
        --server-address "127.0.0.1:$(free_port)" --node-port 0
    eventually "namespaces get service accounts" kubectl --namespace default get serviceaccount default
    for node in one two; do
        kubectl apply -f - <<END >/dev/null
apiVersion: v1
kind: Node
metadata:
  name: $node
  annotations: {kwok.x-k8s.io/node: fake, node.alpha.kubernetes.io/ttl: "0"}
  labels: {kubernetes.io/hostname: $node, kubernetes.io/os: linux}
status:
  allocatable: {cpu: "16", memory: 64Gi, ephemeral-storage: 64Gi, pods: "110"}
  capacity: {cpu: "16", memory: 64Gi, ephemeral-storage: 64Gi, pods: "110"}
---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: of-$node
spec:
  capacity: {storage: 8Gi}
  accessModes: [ReadWriteOnce]
  hostPath: {path: /nowhere}
END
    done
    eventually "the nodes are ready" kubectl wait --for=condition=Ready node --all --timeout=1s
}

stop_control_plane() {
    # The last one first: the controllers wait for nobody.
    for process in $(tac "$state/processes" 2>/dev/null); do
        kill "$process" 2>/dev/null || continue
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 "$process" 2>/dev/null || break
            sleep 0.2
        done
        kill -9 "$process" 2>/dev/null || true
    done
}
