"""A verifier for programs with threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import httpx

from ._rules import sendable
from ._verdict import (
    MAX_ANSWER_SIZE,
    MAX_KEY_LENGTH,
    Caller,
    Kept,
    Moment,
    Refused,
    Unavailable,
    Verdict,
    hash_of,
    question,
    read_verdict,
)

#: So many questions are under way at once, and so many more wait for their turn, within their time limit.
WORKERS = 32
WAITING = 1024


class Verifier:
    """Asks the service about keys. It may be used by several threads at once. See :class:`AsyncVerifier`."""

    def __init__(
        self,
        url: str,
        *,
        max_age: float = 0.3,
        timeout: float = 1.0,
        capacity: int = 10_000,
        token: Callable[[], str] | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self._url = url.rstrip("/") + "/v1/api-keys/verify"
        self._max_age, self._timeout, self._token = max_age, timeout, token
        # Keys go to the service and to nobody in between.
        self._client = client or httpx.Client(timeout=timeout, trust_env=False)
        self._lock = threading.Lock()
        self._kept = Kept(capacity)
        self._flights: dict[bytes, Future[Verdict]] = {}
        # Whoever waits for a question can give up in time, also where each byte of the answer is in time.
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="capykeys")

    @property
    def kept(self) -> int:
        """How many verdicts are remembered right now."""
        with self._lock:
            return len(self._kept)

    def verify(self, key: str, trace: Mapping[str, str] | None = None) -> Caller:
        """Gives the caller whose key this is. ``trace``: the headers ``traceparent`` and ``tracestate``.

        Raises :class:`Refused` where the key is not good and :class:`Unavailable` where that cannot be known.
        """
        if len(key) > MAX_KEY_LENGTH:
            raise Refused("not_found")
        id, arrived = hash_of(key), Moment.now()
        while True:
            with self._lock:
                verdict = self._kept.get(id)
                if verdict is not None:
                    return verdict.result()
                flight = self._flights.get(id)
                if flight is None:
                    if len(self._flights) >= WORKERS + WAITING:
                        raise Unavailable
                    flight = self._workers.submit(self._fly, id, key, trace or {})
                    self._flights[id] = flight
            try:
                verdict = flight.result(self._timeout)
            except Exception as error:
                raise Unavailable from error
            if verdict.holds_for(arrived):
                return verdict.result()

    def _fly(self, id: bytes, key: str, trace: Mapping[str, str]) -> Verdict:
        try:
            verdict = self._ask(key, trace)
        except BaseException:
            with self._lock:
                del self._flights[id]
            raise
        with self._lock:
            self._kept.put(id, verdict)
            del self._flights[id]
        return verdict

    def _ask(self, key: str, trace: Mapping[str, str]) -> Verdict:
        headers = {"content-type": "application/json", **sendable(trace)}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token()}"
        content, asked = question(key, self._max_age), Moment.now()
        try:
            status, answer = self._post(content, headers)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            # Once more, for a kept connection may turn out to be closed.
            status, answer = self._post(content, headers)
        return read_verdict(status, answer, asked, self._max_age)

    def _post(self, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        end = time.monotonic() + self._timeout
        request = self._client.stream("POST", self._url, content=content, headers=headers, follow_redirects=False)
        with request as response:
            answer = b""
            for chunk in response.iter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_SIZE or time.monotonic() > end:
                    raise ValueError("the service's answer is too long")
            return response.status_code, answer
