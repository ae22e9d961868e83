"""A verifier for programs with threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import httpx

from ._question import RETRIED, Asking, Question, joined
from ._verdict import Caller, Moment, Unavailable, Verdict, hash_of

#: So many questions are under way at once, and so many more wait for their turn, within their time limit.
WORKERS = 32
WAITING = 1024


class Verifier(Asking):
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
        super().__init__(url, max_age, timeout, capacity)
        self._token = token
        # Keys go to the service and to nobody in between.
        self._client = client or httpx.Client(timeout=timeout, trust_env=False)
        self._lock = threading.Lock()
        self._flights: dict[bytes, Future[Verdict]] = {}
        self._under_way = 0
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
        id, arrived = hash_of(key), Moment.now()
        while True:
            with self._lock:
                verdict = self._kept.get(id)
                if verdict is not None:
                    return verdict.result()
                flight = self._flights.get(id)
                if flight is None:
                    if self._under_way >= WORKERS + WAITING:
                        raise Unavailable
                    self._under_way += 1
                    flight = self._workers.submit(self._fly, key, trace or {})
                    self._flights[id] = flight
            try:
                verdict = flight.result(self._timeout)
            except Exception as error:
                # A ``token`` that never comes back must not keep the key for itself.
                self._end(id, flight, None)
                raise Unavailable from error
            self._end(id, flight, verdict)
            if verdict.holds_for(arrived):
                return verdict.result()

    def _end(self, id: bytes, flight: Future[Verdict], verdict: Verdict | None) -> None:
        with self._lock:
            # Only of the question that is still the key's: another may have been answered since.
            if self._flights.get(id) is flight:
                del self._flights[id]
                if verdict is not None:
                    self._kept.put(id, verdict)

    def _fly(self, key: str, trace: Mapping[str, str]) -> Verdict:
        try:
            return self._ask(key, trace)
        finally:
            with self._lock:
                self._under_way -= 1

    def _ask(self, key: str, trace: Mapping[str, str]) -> Verdict:
        question = self._question(key, trace, self._token() if self._token else None)
        try:
            return self._send(question)
        except RETRIED:
            return self._send(question)

    def _send(self, question: Question) -> Verdict:
        end = time.monotonic() + self._timeout
        with self._client.stream(**question.request) as response:
            answer = b""
            for chunk in response.iter_bytes():
                answer = joined(answer, chunk)
                if time.monotonic() > end:
                    raise TimeoutError("the service's answer takes too long")
            return question.verdict(response.status_code, answer)
