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
        f"GET {KEYS}: response-required-property-removed",
    ),
    (
        "an optional field of an answer is gone",
        lambda d: schema(d, "ApiKey")["properties"].pop("revoked_at"),
        f"GET {KEYS}: response-optional-property-removed",
    ),
    (
        "a field of an answer has another type",
        lambda d: field(d, "ApiKey", "is_active").update(type="string"),
        f"GET {KEYS}: response-property-type-changed",
    ),
    (
        "a time has another format",
        lambda d: field(d, "ApiKey", "created_at").update(format="date"),
        f"GET {KEYS}: response-property-type-changed",
    ),
    (
        "a field of a request is gone",
        lambda d: schema(d, "CreateApiKeyRequest")["properties"].pop("device_name"),
        f"POST {KEYS}: request-property-removed",
    ),
    (
        "a field of a request has another type",
        lambda d: field(d, "CreateApiKeyRequest", "name").update(type="integer"),
        f"POST {KEYS}: request-property-type-changed",
    ),
    (
        "a field of a request is required",
        lambda d: schema(d, "CreateApiKeyRequest")["required"].append("project_id"),
        f"POST {KEYS}: request-property-became-required",
    ),
    (
        "a field may be left out of an answer",
        lambda d: schema(d, "ApiKey")["required"].remove("source"),
        f"GET {KEYS}: response-property-became-optional",
    ),
    (
        "a request takes a value no more",
        lambda d: schema(d, "Scope")["enum"].remove("jobs:read"),
        f"POST {KEYS}: request-property-enum-value-removed",
    ),
    (
        "a request takes no more than some values",
        lambda d: field(d, "CreateApiKeyRequest", "device_name").update(enum=["a"]),
        f"POST {KEYS}: request-property-became-enum",
    ),
    (
        "an answer has a closed set of values",
        lambda d: field(d, "ApiKey", "source").update(enum=["api"]),
        f"GET {KEYS}: response-property-became-enum",
    ),
    (
        "an answer may have null",
        lambda d: make_nullable(d, "ApiKey", "name"),
        f"GET {KEYS}: response-property-became-nullable",
    ),
    (
        "an answer may have null instead of a time",
        lambda d: make_nullable_by_choice(d, "ApiKey", "created_at"),
        f"GET {KEYS}: response-property-became-nullable",
    ),
    (
        "an answer may have null instead of an object",
        lambda d: make_nullable_by_choice(d, "OrganizationEnvelope", "organization"),
        "GET /v1/organizations/{orgID}: response-property-became-nullable",
    ),
    (
        "a parameter is gone",
        lambda d: operation(d, "get", KEYS)["parameters"].remove(parameter(d, "cursor")),
        f"GET {KEYS}: request-parameter-removed",
    ),
    (
        "a parameter is required",
        lambda d: parameter(d, "limit").update(required=True),
        f"GET {KEYS}: request-parameter-became-required",
    ),
    (
        "a parameter has another type",
        lambda d: parameter(d, "limit")["schema"].update(type="string"),
        f"GET {KEYS}: parameter-type-changed",
    ),
    (
        "a parameter takes less",
        lambda d: parameter(d, "limit")["schema"].update(maximum=100),
        f"GET {KEYS}: request-parameter-max-decreased",
    ),
    (
        "a parameter is new and required",
        lambda d: operation(d, "get", KEYS)["parameters"].append(
            {"name": "state", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        f"GET {KEYS}: new-required-request-parameter",
    ),
    (
        "a text may be less long",
        lambda d: field(d, "CreateApiKeyRequest", "name").update(maxLength=100),
        f"POST {KEYS}: request-property-max-length-decreased",
    ),
    (
        "a success has another status",
        lambda d: move_status(d, "post", KEYS, "201", "200"),
        f"POST {KEYS}: response-success-status-removed",
    ),
    (
        "a refusal is gone",
        lambda d: operation(d, "delete", KEY)["responses"].pop("404"),
        f"DELETE {KEY}: status-removed",
    ),
    (
        "a header of an answer is gone",
        lambda d: operation(d, "get", KEYS)["responses"]["200"]["headers"].pop("Link"),
        f"GET {KEYS}: response-header-removed",
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
        f"GET {KEYS}: api-security-removed",
    ),
    (
        "an operation of the cluster is gone",
        lambda d: d["paths"].pop(VERIFY),
        "POST /v1/api-keys/verify: api-path-removed-without-deprecation",
    ),
    (
        "an operation has another name",
        lambda d: operation(d, "get", "/v1/me").update(operationId="whoAmI"),
        "GET /v1/me: operation-id-changed",
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
