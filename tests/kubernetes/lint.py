"""Checks rendered manifests against the schemas of Kubernetes and of custom resources, strictly, and whether two
renderings are the same objects.

    lint.py validate MODULES FILE…     MODULES: what `scripts/kubernetes modules` prints
    lint.py compare CHART KUSTOMIZE
    lint.py upgrade RELEASED NEXT      whether the API server takes NEXT where RELEASED is, and nothing is left behind
"""

import json
import pathlib
import re
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSION = "1.36"
# Where a module keeps its definitions.
DEFINITIONS = {
    "gateway-api": "config/crd/experimental/*.yaml",
    "gateway": "charts/gateway-crds-helm/templates/generated/*.yaml",
    "api": "kubernetes/customresourcedefinitions.gen.yaml",
    "traefik": "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
    "prometheus-operator": "example/prometheus-operator-crd/*.yaml",
    "external-secrets": "config/crds/bases/*.yaml",
    "cert-manager": "deploy/crds/*.yaml",
}
# Groups whose kinds kubernetes-validate knows.
BUILT_IN = re.compile(r"^(v1|[a-z]+/v\w+|[a-z.]+\.k8s\.io/v\w+)$")
CUSTOM = ("gateway.networking.k8s.io",)


def documents(text):
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def is_custom(api_version):
    return not BUILT_IN.match(api_version) or api_version.startswith(CUSTOM)


def strict(schema):
    """The schema of a definition as JSON Schema, in which what is not named is an error."""
    if not isinstance(schema, dict):
        return schema
    result = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: strict(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties", "not"):
            result[key] = strict(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            # These only narrow what stands beside them, and name a part of the fields.
            result[key] = value
        elif key in ("type", "enum", "pattern", "required", "minimum", "maximum", "minLength", "maxLength",
                     "minItems", "maxItems", "minProperties", "maxProperties"):
            result[key] = value
    if "(?i)" in result.get("pattern", ""):
        # Go has it anywhere, Python at the beginning.
        result["pattern"] = "(?i)" + result["pattern"].replace("(?i)", "")
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    if schema.get("nullable") and "type" in result:
        result["type"] = [result["type"], "null"]
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if "properties" in result and not open_ended:
        result["additionalProperties"] = False
    return result


class Definitions:
    """The schemas of custom resources, read when they are asked for."""

    def __init__(self, modules):
        folders = dict(line.split("=", 1) for line in pathlib.Path(modules).read_text().splitlines())
        self.files = [
            file for name, pattern in DEFINITIONS.items() for file in sorted(pathlib.Path(folders[name]).glob(pattern))
        ]
        self.files += sorted((pathlib.Path(__file__).parent / "definitions").glob("*.yaml"))
        self.schemas = {}

    def of(self, api_version, kind):
        key = (api_version, kind)
        if key not in self.schemas:
            self.read(api_version.split("/")[0], kind)
        return self.schemas.get(key)

    def read(self, group, kind):
        for file in self.files:
            text = file.read_text()
            if f"group: {group}\n" not in text or f"kind: {kind}\n" not in text:
                continue
            # Templates of a chart begin and end with lines of their own.
            text = "\n".join(line for line in text.splitlines() if not line.startswith("{{"))
            for document in documents(text):
                spec = document.get("spec", {})
                if document.get("kind") != "CustomResourceDefinition" or spec["names"]["kind"] != kind:
                    continue
                for version in spec["versions"]:
                    schema = strict(version["schema"]["openAPIV3Schema"])
                    schema.setdefault("properties", {}).update(
                        {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}})
                    self.schemas[f"{spec['group']}/{version['name']}", kind] = schema


def validate(modules, files):
    definitions = Definitions(modules)
    faults, number = [], 0
    for file in files:
        for document in documents(pathlib.Path(file).read_text()):
            number += 1
            api_version, kind = document["apiVersion"], document["kind"]
            name = f"{file}: {kind} {document['metadata']['name']}"
            try:
                if not is_custom(api_version):
                    kubernetes_validate.validate(document, VERSION, strict=True)
                elif schema := definitions.of(api_version, kind):
                    jsonschema.validate(document, schema)
                else:
                    faults.append(f"{name}: no schema for {api_version}")
            except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
                faults.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
    print(f"{number} objects in {len(files)} files, {len(faults)} faults")
    return faults


def plain(value):
    """An object without what is the chart's or kustomize's own."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        # The hash in the name of settings.
        return re.sub(r"^capykeys-[0-9a-z]{10}$", "capykeys-SETTINGS", value) if isinstance(value, str) else value
    own = ("app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart")
    result = {key: plain(one) for key, one in value.items() if key not in own and key != "namespace"}
    # One rule with two ports is two rules with one.
    for key in ("ingress", "egress"):
        if key in result:
            result[key] = [dict(rule, ports=[port]) for rule in result[key] for port in rule["ports"]]
    for key in ("env", "volumes", "volumeMounts", "ports", "ingress", "egress"):
        if isinstance(result.get(key), list):
            result[key] = sorted(result[key], key=lambda one: json.dumps(one, sort_keys=True))
    return result


def objects(file):
    result = {}
    for document in documents(pathlib.Path(file).read_text()):
        document = plain(document)
        component = document["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        if component == "migration" or document["metadata"]["name"].startswith("capykeys-roles"):
            # Hooks of the chart, with names and annotations of their own: what they do is compared.
            document["metadata"] = {}
            document.pop("data", None) if document["kind"] != "ConfigMap" else None
            for part in document.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", []):
                part.get("configMap", {}).pop("name", None)
            document.get("spec", {}).get("template", {}).get("spec", {}).pop("hostname", None)
            key = f"{document['kind']} of the migration"
        else:
            document["metadata"].pop("annotations", None)
            if document["kind"] == "ConfigMap":
                document["metadata"] = {}
            key = f"{document['kind']} {document['metadata'].get('name', '')}"
        result[key] = document
    return result


def differences(one, other, path=""):
    if isinstance(one, dict) and isinstance(other, dict):
        return [line for key in sorted(one.keys() | other.keys())
                for line in differences(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for index, pair in enumerate(zip(one, other)) for line in differences(*pair, f"{path}[{index}]")]
    return [] if one == other else [f"{path}: {one!r} in the chart, {other!r} with kustomize"]


# What the API server never changes in an object of the kind that is there.
IMMUTABLE = {
    "Deployment": ("spec.selector",),
    "Job": ("spec.template", "spec.selector", "spec.completions", "spec.completionMode"),
    "Service": ("spec.clusterIP",),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.selector", "spec.volumeMode"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "Secret": ("type",),
}
# Of a StatefulSet it is all but these.
MUTABLE = {"minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy", "replicas", "revisionHistoryLimit",
           "template", "updateStrategy"}
# With a name for each content or release: those before stay for servers that still use them.
KEPT = ("ConfigMap", "Job")


def at(document, path):
    for key in path.split("."):
        document = (document or {}).get(key)
    return document


def upgrade(released, following):
    def by_name(file):
        read = documents(pathlib.Path(file).read_text())
        # Helm takes these away before it makes them anew.
        return {(one["kind"], one["metadata"]["name"]): one for one in read
                if "helm.sh/hook" not in one["metadata"].get("annotations", {})}

    old, new, faults = by_name(released), by_name(following), []
    for (kind, name), before in old.items():
        after = new.get((kind, name))
        if after is None:
            if kind not in KEPT:
                faults.append(f"{kind} {name} is left behind")
            continue
        fields = IMMUTABLE.get(kind, ())
        if kind == "StatefulSet":
            fields = [f"spec.{key}" for key in sorted((before["spec"].keys() | after["spec"].keys()) - MUTABLE)]
        elif kind == "ConfigMap" and before.get("immutable"):
            fields = ("data", "immutable")
        faults += [f"{kind} {name}: {field} can never be changed" for field in fields if at(before, field) != at(after, field)]
    print(f"{len(old)} objects are there, {len(faults)} stand in the way")
    return faults


def main(command, *arguments):
    if command == "validate":
        faults = validate(arguments[0], arguments[1:])
    elif command == "upgrade":
        faults = upgrade(*arguments)
    else:
        faults = differences(*map(objects, arguments))
        print(f"compared {len(objects(arguments[0]))} objects, {len(faults)} differences")
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
