"""Changes of the documents, and as what `scripts/openapi-diff` has to report each."""

KEYS = "/v1/organizations/{orgID}/api-keys"
KEY = KEYS + "/{keyID}"
VERIFY = "/v1/api-keys/verify"


def schema(document, name):
    return document["components"]["schemas"][name]


def field(document, name, member):
    return schema(document, name)["properties"][member]


def operation(document, method, path):
    return document["paths"][path][method]


def parameter(document, name):
    return next(one for one in operation(document, "get", KEYS)["parameters"] if one["name"] == name)


def without(document, name, member):
    del schema(document, name)["properties"][member]
    schema(document, name)["required"].remove(member)


def make_nullable(document, name, member):
    value = field(document, name, member)
    value["type"] = [value["type"], "null"]


def make_nullable_by_choice(document, name, member):
    properties = schema(document, name)["properties"]
    properties[member] = {"oneOf": [properties[member], {"type": "null"}]}


def rename_schema(document, old, new):
    schemas = document["components"]["schemas"]
    schemas[new] = schemas.pop(old)

    def walk(value):
        if isinstance(value, dict):
            if value.get("$ref") == f"#/components/schemas/{old}":
                value["$ref"] = f"#/components/schemas/{new}"
            value = list(value.values())
        for part in value if isinstance(value, list) else []:
            walk(part)

    walk(document)


def move_status(document, method, path, old, new):
    responses = operation(document, method, path)["responses"]
    responses[new] = responses.pop(old)


PLANTED = [
    (
        "a field of an answer is gone",
        lambda d: without(d, "ApiKey", "key_prefix"),
        f"GET {KEYS}: response-required-property-removed api_keys/items/key_prefix 200",
    ),
    (
        "an optional field of an answer is gone",
        lambda d: schema(d, "ApiKey")["properties"].pop("revoked_at"),
        f"GET {KEYS}: response-optional-property-removed api_keys/items/revoked_at 200",
    ),
    (
        "a field of an answer has another type",
        lambda d: field(d, "ApiKey", "is_active").update(type="string"),
        f"GET {KEYS}: response-property-type-changed api_keys/items/is_active type boolean string 200",
    ),
    (
        "a time has another format",
        lambda d: field(d, "ApiKey", "created_at").update(format="date"),
        f"GET {KEYS}: response-property-type-changed api_keys/items/created_at format date-time date 200",
    ),
    (
        "a field of a request is gone",
        lambda d: schema(d, "CreateApiKeyRequest")["properties"].pop("device_name"),
        f"POST {KEYS}: request-property-removed device_name",
    ),
    (
        "a field of a request has another type",
        lambda d: field(d, "CreateApiKeyRequest", "name").update(type="integer"),
        f"POST {KEYS}: request-property-type-changed name type string integer",
    ),
    (
        "a field of a request is required",
        lambda d: schema(d, "CreateApiKeyRequest")["required"].append("project_id"),
        f"POST {KEYS}: request-property-became-required project_id",
    ),
    (
        "a field may be left out of an answer",
        lambda d: schema(d, "ApiKey")["required"].remove("source"),
        f"GET {KEYS}: response-property-became-optional api_keys/items/source 200",
    ),
    (
        "a request takes a value no more",
        lambda d: schema(d, "Scope")["enum"].remove("jobs:read"),
        f"POST {KEYS}: request-property-enum-value-removed jobs:read scopes/items",
    ),
    (
        "a request takes no more than some values",
        lambda d: field(d, "CreateApiKeyRequest", "device_name").update(enum=["a"]),
        f"POST {KEYS}: request-property-became-enum device_name",
    ),
    (
        "an answer has a closed set of values",
        lambda d: field(d, "ApiKey", "source").update(enum=["api"]),
        f"GET {KEYS}: response-property-became-enum api_keys/items/source 200",
    ),
    (
        "an answer may have null",
        lambda d: make_nullable(d, "ApiKey", "name"),
        f"GET {KEYS}: response-property-became-nullable api_keys/items/name 200",
    ),
    (
        "an answer may have null instead of a time",
        lambda d: make_nullable_by_choice(d, "ApiKey", "created_at"),
        f"GET {KEYS}: response-property-became-nullable api_keys/items/created_at 200",
    ),
    (
        "an answer may have null instead of an object",
        lambda d: make_nullable_by_choice(d, "OrganizationEnvelope", "organization"),
        "GET /v1/organizations/{orgID}: response-property-became-nullable organization 200",
    ),
    (
        "a parameter is gone",
        lambda d: operation(d, "get", KEYS)["parameters"].remove(parameter(d, "cursor")),
        f"GET {KEYS}: request-parameter-removed query cursor",
    ),
    (
        "a parameter is required",
        lambda d: parameter(d, "limit").update(required=True),
        f"GET {KEYS}: request-parameter-became-required query limit",
    ),
    (
        "a parameter has another type",
        lambda d: parameter(d, "limit")["schema"].update(type="string"),
        f"GET {KEYS}: parameter-type-changed limit",
    ),
    (
        "a parameter takes less",
        lambda d: parameter(d, "limit")["schema"].update(maximum=100),
        f"GET {KEYS}: request-parameter-max-decreased query limit 1000.00 100.00",
    ),
    (
        "a parameter is new and required",
        lambda d: operation(d, "get", KEYS)["parameters"].append(
            {"name": "state", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        f"GET {KEYS}: new-required-request-parameter query state",
    ),
    (
        "a text may be less long",
        lambda d: field(d, "CreateApiKeyRequest", "name").update(maxLength=100),
        f"POST {KEYS}: request-property-max-length-decreased name 100",
    ),
    (
        "a success has another status",
        lambda d: move_status(d, "post", KEYS, "201", "200"),
        f"POST {KEYS}: response-success-status-removed 201",
    ),
    (
        "a refusal is gone",
        lambda d: operation(d, "delete", KEY)["responses"].pop("404"),
        f"DELETE {KEY}: status-removed 404",
    ),
    (
        "a header of an answer is gone",
        lambda d: operation(d, "get", KEYS)["responses"]["200"]["headers"].pop("Link"),
        f"GET {KEYS}: response-header-removed Link 200",
    ),
    ("a path is gone", lambda d: d["paths"].pop("/v1/me"), "GET /v1/me: api-path-removed-without-deprecation"),
    (
        "a path has another name",
        lambda d: d["paths"].update({"/v2/me": d["paths"].pop("/v1/me")}),
        "GET /v1/me: api-path-removed-without-deprecation",
    ),
    ("a method is gone", lambda d: d["paths"][KEY].pop("delete"), f"DELETE {KEY}: api-removed-without-deprecation"),
    (
        "a way to sign in is gone",
        lambda d: operation(d, "get", KEYS).update(security=[{"bearerAuth": []}]),
        f"GET {KEYS}: api-security-removed apiKeyHeader",
    ),
    (
        "an operation of the cluster is gone",
        lambda d: d["paths"].pop(VERIFY),
        "POST /v1/api-keys/verify: api-path-removed-without-deprecation",
    ),
    (
        "an operation has another name",
        lambda d: operation(d, "get", "/v1/me").update(operationId="whoAmI"),
        "GET /v1/me: operation-id-changed getViewer",
    ),
    (
        "an operation has another tag",
        lambda d: operation(d, "get", "/v1/me").update(tags=["me"]),
        "GET /v1/me: tags-changed",
    ),
    ("a type has another name", lambda d: rename_schema(d, "ApiKeyList", "ApiKeys"), "ApiKeyList: schema-removed"),
]

HARMLESS = [
    ("a field of an answer is new", lambda d: schema(d, "ApiKey")["properties"].update(color={"type": "string"}), None),
    (
        "a field of a request is new",
        lambda d: schema(d, "CreateApiKeyRequest")["properties"].update(color={"type": "string"}),
        None,
    ),
    (
        "an operation is new",
        lambda d: d["paths"].update(
            {"/v1/color": {"get": {**operation(d, "get", "/v1/me"), "operationId": "getColor"}}}
        ),
        None,
    ),
    ("a request takes a value more", lambda d: schema(d, "Scope")["enum"].append("jobs:write"), None),
    ("a description is another", lambda d: field(d, "ApiKey", "name").update(description="What it is called."), None),
    ("a known value is new", lambda d: field(d, "ApiKey", "source")["x-extensible-enum"].append("robot"), None),
]

# What the changelog names, and what has to be reported all the same.
REMOVED = f"- **Breaking**: a request's field is gone\n  (`POST {KEYS}: request-property-removed\n  device_name`)."
ALLOWED = [
    (
        "a field of a request is gone, and the changelog says so",
        lambda d: schema(d, "CreateApiKeyRequest")["properties"].pop("device_name"),
        REMOVED,
        None,
    ),
    (
        "another field of a request is gone than the changelog says",
        lambda d: schema(d, "CreateApiKeyRequest")["properties"].pop("project_id"),
        REMOVED,
        f"POST {KEYS}: request-property-removed project_id",
    ),
]
