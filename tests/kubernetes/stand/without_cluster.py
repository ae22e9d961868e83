"""Makes of manifests for Envoy Gateway what it takes without a cluster: Backends on this machine in place of Services,
the files of $4 in place of Secrets, Envoy as a process of its own.

    without_cluster.py CLIENTS UPSTREAM INTERNAL FOLDER FILE…
"""

import base64
import pathlib
import sys

import yaml

BACKEND = {"group": "gateway.envoyproxy.io", "kind": "Backend"}


def referring(value):
    """The same, where Services are Backends, all in one namespace."""
    if isinstance(value, list):
        return [referring(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("name") in ("api", "capykeys-internal") and ("port" in value or value.get("kind") == "Service"):
        return BACKEND | {"name": value["name"]}
    return {key: referring(one) for key, one in value.items()}


def backend(name, port):
    return {"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "Backend", "metadata": {"name": name, "namespace": "example"},
            "spec": {"endpoints": [{"ip": {"address": "127.0.0.1", "port": port}}]}}


def main(clients, upstream, internal, folder, *files):
    folder = pathlib.Path(folder)
    results = [backend("api", int(upstream)), backend("capykeys-internal", int(internal))]
    for file in files:
        for document in yaml.safe_load_all(pathlib.Path(file).read_text()):
            kind, spec = document["kind"], document["spec"]
            if kind == "ReferenceGrant":
                continue
            if kind == "Gateway":
                spec["listeners"][0]["port"] = int(clients)
            if kind == "EnvoyProxy":
                spec["provider"] = {"type": "Host", "host": {"envoyVersion": "1.40.0"}}
            if kind == "BackendTLSPolicy":
                document["metadata"]["namespace"] = "example"
            document["spec"] = referring(spec)
            results.append(document)
    results.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "capykeys-internal-ca", "namespace": "example"},
                    "data": {"ca.crt": (folder / "ca.crt").read_text()}})
    encoded = {f"tls.{part}": base64.b64encode((folder / f"client.{part}").read_bytes()).decode() for part in ("crt", "key")}
    results.append({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": encoded,
                    "metadata": {"name": "capykeys-gateway-tls", "namespace": "envoy-gateway-system"}})
    yaml.safe_dump_all(results, sys.stdout)


main(*sys.argv[1:])
