"""For FastAPI and Starlette."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.responses import Response

from . import AsyncVerifier, Caller, Refused, Unavailable
from ._rules import Refusal, check, credential, refusal_for, trace_of

__all__ = ["Refusal", "RequireKey", "refuse"]


class RequireKey:
    """A dependency of FastAPI that gives the caller, and answers requests without a key that grants all scopes.

    ``project`` gives the project that a request is about: a key of another one is refused. Without it no project is
    checked, and the handler has to look at the caller's ``project_id``. In Starlette: ``caller = await
    require(request)``. The application needs ``app.add_exception_handler(Refusal, refuse)``.
    """

    def __init__(
        self,
        verifier: AsyncVerifier,
        *scopes: str,
        project: Callable[[HTTPConnection], str | None] | None = None,
    ) -> None:
        self._verifier, self._scopes, self._project = verifier, scopes, project

    async def __call__(self, request: HTTPConnection) -> Caller:
        values = request.headers.getlist
        key, project = credential(values), self._project
        try:
            caller = await self._verifier.verify(key, trace_of(values))
        except (Refused, Unavailable) as error:
            raise refusal_for(error) from error
        check(caller, self._scopes, project and (lambda: project(request)))
        return caller


async def refuse(_: HTTPConnection, refusal: Exception) -> Response:
    """Answers who is not let through."""
    assert isinstance(refusal, Refusal)
    return Response(refusal.body, refusal.status, refusal.headers, "application/json")
