"""openapi-generator: a class for each tag, and an exception for each kind of refusal."""

from collections.abc import Callable

from generated.openapi_generator import capykeys, cluster
from scenario import ADMIN_KEY, EXPIRY, INTERNAL_URL, KEYS, ORGANIZATION, UNKNOWN, URL, check, next_cursor, step


def signed_in(key: str) -> capykeys.ApiClient:
    return capykeys.ApiClient(capykeys.Configuration(host=URL, access_token=key))


admin = signed_in(ADMIN_KEY)
keys = capykeys.ApiKeysApi(admin)
verification = cluster.VerificationApi(cluster.ApiClient(cluster.Configuration(host=INTERNAL_URL)))


def refused(kind: type[capykeys.ApiException], ask: Callable[[], object]) -> str:
    try:
        raise ValueError(ask())
    except kind as refusal:
        check(isinstance(refusal.data, capykeys.ErrorResponse), refusal.data)
        return f"{refusal.status} {refusal.data.error}"


def listed() -> list[capykeys.ApiKey]:
    return keys.list_api_keys(ORGANIZATION).api_keys


def find(id_: str) -> capykeys.ApiKey:
    return next(key for key in listed() if key.id == id_)


@step("who am I")
def _() -> str:
    me = capykeys.ViewerApi(admin).get_viewer()
    check(me.organization.id == ORGANIZATION and me.principal.user_id is None, me)
    return f"{me.principal.auth_source} of {me.organization.name}, since {me.organization.created_at:%c}"


body = capykeys.CreateApiKeyRequest(
    name="Schlüssel", scopes=[capykeys.Scope.PROJECTS_READ], project_id="prj_1", expires_at=EXPIRY
)
created = keys.create_api_key(ORGANIZATION, body)
key, secret = created.api_key, str(created.plaintext_api_key)


@step("create a project's key")
def _() -> str:
    check(key.name == "Schlüssel" and key.expires_at == EXPIRY, key)
    check(key.revoked_at is None and key.last_used_at is None, key)
    return f"{key.id} for {key.project_id} until {key.expires_at}"


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
    me = capykeys.ViewerApi(signed_in(secret)).get_viewer()
    check(me.principal.scopes == ["projects:read"], me)
    return f"may {me.principal.scopes}"


@step("be refused")
def _() -> str:
    impossible = capykeys.CreateApiKeyRequest(name="no", scopes=[capykeys.Scope.ALL], project_id="prj_1")
    exceptions = capykeys.exceptions
    stranger, project = signed_in("capy_live_none"), signed_in(secret)
    return " | ".join(
        [
            refused(exceptions.BadRequestException, lambda: keys.create_api_key(ORGANIZATION, impossible)),
            refused(exceptions.UnauthorizedException, lambda: capykeys.ViewerApi(stranger).get_viewer()),
            refused(exceptions.ForbiddenException, lambda: capykeys.ApiKeysApi(project).list_api_keys(ORGANIZATION)),
            refused(exceptions.NotFoundException, lambda: keys.revoke_api_key(ORGANIZATION, UNKNOWN)),
        ]
    )


@step("page")
def _() -> str:
    ids: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor is not None:
        answer = keys.list_api_keys_with_http_info(ORGANIZATION, limit=100, cursor=cursor)
        ids += [one.id for one in answer.data.api_keys]
        cursor = next_cursor(answer.headers.get("Link"))
        check(cursor in (None, ids[-1]), cursor)
        pages += 1
    check(ids == [one.id for one in listed()] and len(ids) == KEYS + 1, f"{len(ids)} keys")
    return f"{len(ids)} keys on {pages} pages"


def verify(project_id: str) -> cluster.Verdict:
    scopes = [cluster.Scope.PROJECTS_READ]
    return verification.verify_api_key(
        cluster.VerifyApiKeyRequest(api_key=secret, project_id=project_id, scopes=scopes)
    )


@step("verify")
def _() -> str:
    good, bad = verify("prj_1"), verify("prj_2")
    check(good.valid and good.api_key.id == key.id and good.code is None, good)
    check(not bad.valid and bad.api_key is None and bad.code == "wrong_country", bad)
    return f"{good.valid}, then {bad.code}"


@step("rename and pause it")
def _() -> str:
    renamed = keys.update_api_key(ORGANIZATION, key.id, capykeys.UpdateApiKeyRequest(name="Renamed")).api_key
    check((renamed.name, renamed.scopes, renamed.expires_at) == ("Renamed", key.scopes, key.expires_at), renamed)
    check(keys.get_api_key(ORGANIZATION, key.id).api_key.name == "Renamed", "it is called as before")
    reason = capykeys.DisableApiKeyRequest(reason="paused")
    paused = keys.disable_api_key(ORGANIZATION, key.id, disable_api_key_request=reason).api_key
    check(paused.disabled_at is not None and paused.disabled_reason == "paused", paused)
    check(verify("prj_1").code == "disabled", "it is not disabled")
    check(keys.enable_api_key(ORGANIZATION, key.id).api_key.disabled_at is None, "it is disabled")
    check(verify("prj_1").valid, "it is not good again")
    return f"until {renamed.expires_at} as before"


@step("revoke")
def _() -> str:
    check(keys.revoke_api_key(ORGANIZATION, key.id).revoked, "it is not revoked")
    once = find(key.id)
    check(not once.is_active and once.revoked_at is not None, once)
    check(keys.revoke_api_key(ORGANIZATION, key.id).revoked, "it is not revoked")
    check(find(key.id).revoked_at == once.revoked_at, "it was revoked again")
    return f"twice, at {once.revoked_at}"


@step("be refused with it")
def _() -> str:
    code = verify("prj_1").code
    check(code == "revoked", code)
    viewer = capykeys.ViewerApi(signed_in(secret))
    return f"{refused(capykeys.exceptions.UnauthorizedException, viewer.get_viewer)} | {code}"
