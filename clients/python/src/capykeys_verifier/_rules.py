"""Who is let through, and how the others are answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from ._verdict import Caller, Refused, Unavailable

TRACE = ("traceparent", "tracestate")
INVALID = 'Bearer error="invalid_token"'

#: All values of a header of the request.
Values = Callable[[str], Sequence[str]]


class Refusal(Exception):
    """How a request is answered that is not let through."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.body = json.dumps({"error": sentence}).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers |= {"Cache-Control": "no-store"}


def unauthorized(challenge: str) -> Refusal:
    return Refusal(401, "A valid API key is required.", WWW_Authenticate=challenge)


def refusal_for(error: Refused | Unavailable) -> Refusal:
    if isinstance(error, Unavailable):
        return Refusal(503, "API keys cannot be verified right now.", Retry_After="1")
    if error.code == "organization_suspended":
        return Refusal(403, "The organization is suspended.")
    return unauthorized(INVALID)


def check(caller: Caller, scopes: Iterable[str], project: Callable[[], str | None] | None) -> None:
    """Raises :class:`Refusal` where the key is not good for this."""
    if project is not None and caller.project_id is not None and caller.project_id != project():
        raise Refusal(403, "The API key is for another project.")
    for scope in scopes:
        if not caller.grants(scope):
            raise Refusal(403, f"The API key lacks the scope {scope}.")


def trace_of(values: Values) -> dict[str, str]:
    return {name: values(name)[0] for name in TRACE if values(name)}


def sendable(trace: Mapping[str, str]) -> dict[str, str]:
    """What httpx can send of a trace: anybody may have written it, and the key is no worse for it."""
    named = {name.lower(): value for name, value in trace.items() if name.lower() in TRACE}
    return {name: value for name, value in named.items() if value.isascii() and value.isprintable()}


def credential(values: Values) -> str:
    """The key in ``Authorization`` or ``X-API-Key``, read as the service itself reads them."""
    authorization, key = _only(values, "Authorization"), _only(values, "X-API-Key")
    scheme, _, token = authorization.partition(" ")
    token, is_bearer = token.strip(), scheme.lower() == "bearer"
    is_given = authorization != "" and not (is_bearer and token == "")
    if not is_given and key == "":
        raise unauthorized("Bearer")
    if not is_given:
        return key
    if key != "" and not (is_bearer and token == key):
        raise Refusal(400, "`Authorization` and `X-API-Key` must not hold different credentials.")
    if not is_bearer:
        raise unauthorized(INVALID)
    return token


def _only(values: Values, name: str) -> str:
    found = values(name)
    if len(found) > 1:
        raise Refusal(400, f"`{name}` must be given only once.")
    return found[0].strip() if found else ""
