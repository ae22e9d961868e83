"""For Django."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from . import Refused, Unavailable, Verifier
from ._rules import Refusal, check, credential, refusal_for, trace_of

__all__ = ["require_key"]

View = Callable[..., HttpResponseBase]


def require_key(
    verifier: Verifier, *scopes: str, project: Callable[..., str | None] | None = None
) -> Callable[[View], View]:
    """Answers requests without a key that grants all scopes, instead of the view, which finds ``request.caller``.

    ``project`` is given what the view is given, and gives the project that the request is about: a key of another one
    is refused. Without it no project is checked, and the view has to look at the caller's ``project_id``.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # Several values of one header are one here, with commas, which are in no key.
            def values(name: str) -> list[str]:
                return [request.headers[name]] if name in request.headers else []

            try:
                try:
                    caller = verifier.verify(credential(values), trace_of(values))
                except (Refused, Unavailable) as error:
                    raise refusal_for(error) from error
                check(caller, scopes, project and (lambda: project(request, *args, **kwargs)))
            except Refusal as refusal:
                return HttpResponse(refusal.body, "application/json", refusal.status, headers=refusal.headers)
            setattr(request, "caller", caller)
            return view(request, *args, **kwargs)

        return guarded

    return guard
