"""The guarded servers that the suite over all libraries asks; see tests/verifiers."""

import os
import socket
import sys
import threading
import time
from typing import Any

from capykeys_verifier import AsyncVerifier, Caller, Verifier

SETTINGS: dict[str, Any] = {
    "url": os.environ["CAPYKEYS_URL"],
    "max_age": int(os.environ["MAX_AGE_MS"]) / 1000,
    "timeout": int(os.environ["TIMEOUT_MS"]) / 1000,
    "capacity": int(os.environ["CAPACITY"]),
}
TOKEN = os.environ["CAPYKEYS_TOKEN"]


def shown(caller: Caller) -> dict[str, Any]:
    body = {"id": caller.key_id, "organization_id": caller.organization_id, "scopes": caller.scopes}
    return body | ({"project_id": caller.project_id} if caller.project_id else {})


def state(verifier: AsyncVerifier | Verifier) -> dict[str, int]:
    return {"kept": verifier.kept, "now": int(time.time())}


def with_fastapi(listener: socket.socket) -> None:
    import uvicorn
    from fastapi import Depends, FastAPI, Request

    from capykeys_verifier.starlette import Refusal, RequireKey, refuse

    async def token() -> str:
        return TOKEN

    verifier = AsyncVerifier(**SETTINGS, token=token)
    app = FastAPI()
    app.add_exception_handler(Refusal, refuse)

    def project(request: Request) -> str:
        return request.path_params["project"]

    @app.get("/jobs")
    async def jobs(caller: Caller = Depends(RequireKey(verifier, "jobs:read"))) -> dict[str, Any]:
        return shown(caller)

    @app.get("/projects/{project}/jobs")
    async def of_project(
        caller: Caller = Depends(RequireKey(verifier, "jobs:read", project=project)),
    ) -> dict[str, Any]:
        return shown(caller)

    @app.get("/state")
    async def show() -> dict[str, int]:
        return state(verifier)

    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])


def with_django(listener: socket.socket) -> None:
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
    from socketserver import ThreadingMixIn

    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    from capykeys_verifier.django import require_key

    verifier = Verifier(**SETTINGS, token=lambda: TOKEN)

    @require_key(verifier, "jobs:read")
    def jobs(request: Any) -> JsonResponse:
        return JsonResponse(shown(request.caller))

    @require_key(verifier, "jobs:read", project=lambda request, project: project)
    def of_project(request: Any, project: str) -> JsonResponse:
        return JsonResponse(shown(request.caller))

    def show(request: HttpRequest) -> JsonResponse:
        return JsonResponse(state(verifier))

    urls = [path("jobs", jobs), path("projects/<str:project>/jobs", of_project), path("state", show)]
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=tuple(urls), SECRET_KEY="of no use", USE_TZ=True)

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 128

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = Server(listener.getsockname(), Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = listener.getsockname()
    server.setup_environ()
    server.set_app(get_wsgi_application())
    server.serve_forever()


def end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(f"listening 127.0.0.1:{listener.getsockname()[1]}", flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
{"fastapi": with_fastapi, "django": with_django}[sys.argv[1]](listener)
