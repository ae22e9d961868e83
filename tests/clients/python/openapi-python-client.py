"""openapi-python-client: a function for each operation, which gives either the answer or an ErrorResponse."""

from typing import TypeVar
from uuid import uuid4

from generated.openapi_python_client.capykeys import AuthenticatedClient
from generated.openapi_python_client.capykeys.api.api_keys import (
    create_api_key,
    disable_api_key,
    enable_api_key,
    get_api_key,
    list_api_keys,
    revoke_api_key,
    update_api_key,
)
from generated.openapi_python_client.capykeys.api.viewer import get_viewer
from generated.openapi_python_client.capykeys.models import (
    ApiKey,
    ApiKeyEnvelope,
    ApiKeyList,
    CreateApiKeyRequest,
    CreatedApiKey,
    DisableApiKeyRequest,
    ErrorResponse,
    Organization,
    RevokedApiKey,
    Scope,
    UpdateApiKeyRequest,
    Viewer,
)
from generated.openapi_python_client.capykeys.types import UNSET, Response
from generated.openapi_python_client.cluster import Client
from generated.openapi_python_client.cluster.api.verification import verify_api_key
from generated.openapi_python_client.cluster.models import Scope as RequiredScope
from generated.openapi_python_client.cluster.models import Verdict, VerifyApiKeyRequest
from generated.openapi_python_client.cluster.types import Unset
from scenario import ADMIN_KEY, EXPIRY, INTERNAL_URL, KEYS, ORGANIZATION, UNKNOWN, URL, check, next_cursor, step

T = TypeVar("T")


def signed_in(key: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=key)


admin = signed_in(ADMIN_KEY)
cluster = Client(base_url=INTERNAL_URL)


def expect(type_: type[T], answer: object) -> T:
    check(isinstance(answer, type_), answer)
    return answer


def refused(status: int, answer: Response) -> str:
    check(answer.status_code == status, answer)
    return f"{status} {expect(ErrorResponse, answer.parsed).error}"


def listed() -> list[ApiKey]:
    return expect(ApiKeyList, list_api_keys.sync(ORGANIZATION, client=admin)).api_keys


def find(id_: str) -> ApiKey:
    return next(key for key in listed() if key.id == id_)


@step("who am I")
def _() -> str:
    me = expect(Viewer, get_viewer.sync(client=admin))
    organization = expect(Organization, me.organization)
    check(organization.id == ORGANIZATION and me.principal.user_id is UNSET, me)
    return f"{me.principal.auth_source} of {organization.name}, since {organization.created_at:%c}"


body = CreateApiKeyRequest(name="Schlüssel", scopes=[Scope.PROJECTS_READ], project_id="prj_1", expires_at=EXPIRY)
once = {"client": admin, "body": body, "idempotency_key": f'"{uuid4()}"'}
created = expect(CreatedApiKey, create_api_key.sync(ORGANIZATION, **once))
key, secret = created.api_key, expect(str, created.plaintext_api_key)


@step("create a project's key")
def _() -> str:
    check(key.name == "Schlüssel" and key.expires_at == EXPIRY, key)
    check(key.revoked_at is UNSET and key.last_used_at is UNSET, key)
    return f"{key.id} for {key.project_id} until {key.expires_at}"


@step("send it again")
def _() -> str:
    check(create_api_key.sync(ORGANIZATION, **once) == created, "another key was made")
    body.name = "another"
    return refused(422, create_api_key.sync_detailed(ORGANIZATION, **once))


@step("list and find it")
def _() -> str:
    check(find(key.id) == key, "it is listed as another")
    return key.key_prefix


@step("names that came later")
def _() -> str:
    source = next(one.source for one in listed() if one.source == "teleport")
    scopes = next(one.scopes for one in listed() if "models:read" in one.scopes)
    return f"source {source}, scope {scopes}"


@step("use it")
def _() -> str:
    me = expect(Viewer, get_viewer.sync(client=signed_in(secret)))
    check(me.principal.scopes == ["projects:read"], me)
    return f"may {me.principal.scopes}"


@step("be refused")
def _() -> str:
    impossible = CreateApiKeyRequest(name="no", scopes=[Scope.ALL], project_id="prj_1")
    return " | ".join(
        [
            refused(400, create_api_key.sync_detailed(ORGANIZATION, client=admin, body=impossible)),
            refused(401, get_viewer.sync_detailed(client=signed_in("capy_live_none"))),
            refused(403, list_api_keys.sync_detailed(ORGANIZATION, client=signed_in(secret))),
            refused(404, revoke_api_key.sync_detailed(ORGANIZATION, UNKNOWN, client=admin)),
        ]
    )


@step("page")
def _() -> str:
    ids: list[str] = []
    pages, cursor = 0, ""
    while cursor is not None:
        answer = list_api_keys.sync_detailed(ORGANIZATION, client=admin, limit=100, cursor=cursor)
        ids += [one.id for one in expect(ApiKeyList, answer.parsed).api_keys]
        cursor = next_cursor(answer.headers.get("link"))
        check(cursor in (None, ids[-1]), cursor)
        pages += 1
    check(ids == [one.id for one in listed()] and len(ids) == KEYS + 1, f"{len(ids)} keys")
    return f"{len(ids)} keys on {pages} pages"


def verify(project_id: str) -> Verdict:
    question = VerifyApiKeyRequest(api_key=secret, project_id=project_id, scopes=[RequiredScope.PROJECTS_READ])
    return expect(Verdict, verify_api_key.sync(client=cluster, body=question))


@step("verify")
def _() -> str:
    good, bad = verify("prj_1"), verify("prj_2")
    check(good.valid and good.api_key.id == key.id and isinstance(good.code, Unset), good)
    check(not bad.valid and isinstance(bad.api_key, Unset) and bad.code == "wrong_country", bad)
    return f"{good.valid}, then {bad.code}"


@step("rename and pause it")
def _() -> str:
    edit = UpdateApiKeyRequest(name="Renamed")
    renamed = expect(ApiKeyEnvelope, update_api_key.sync(ORGANIZATION, key.id, client=admin, body=edit)).api_key
    check((renamed.name, renamed.scopes, renamed.expires_at) == ("Renamed", key.scopes, key.expires_at), renamed)
    found = expect(ApiKeyEnvelope, get_api_key.sync(ORGANIZATION, key.id, client=admin)).api_key
    check(found.name == "Renamed", found)
    reason = DisableApiKeyRequest(reason="paused")
    paused = expect(ApiKeyEnvelope, disable_api_key.sync(ORGANIZATION, key.id, client=admin, body=reason)).api_key
    check(paused.disabled_at is not UNSET and paused.disabled_reason == "paused", paused)
    check(verify("prj_1").code == "disabled", "it is not disabled")
    enabled = expect(ApiKeyEnvelope, enable_api_key.sync(ORGANIZATION, key.id, client=admin)).api_key
    check(enabled.disabled_at is UNSET and verify("prj_1").valid, "it is not good again")
    return f"until {renamed.expires_at} as before"


@step("revoke")
def _() -> str:
    check(expect(RevokedApiKey, revoke_api_key.sync(ORGANIZATION, key.id, client=admin)).revoked, "it is not revoked")
    once = find(key.id)
    check(not once.is_active and once.revoked_at is not UNSET, once)
    check(expect(RevokedApiKey, revoke_api_key.sync(ORGANIZATION, key.id, client=admin)).revoked, "it is not revoked")
    check(find(key.id).revoked_at == once.revoked_at, "it was revoked again")
    return f"twice, at {once.revoked_at}"


@step("be refused with it")
def _() -> str:
    code = verify("prj_1").code
    check(code == "revoked", code)
    return f"{refused(401, get_viewer.sync_detailed(client=signed_in(secret)))} | {code}"
