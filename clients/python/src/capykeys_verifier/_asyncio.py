"""A verifier for programs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import httpx

from ._question import RETRIED, Asking, Question, joined
from ._verdict import Caller, Moment, Unavailable, Verdict, hash_of


class AsyncVerifier(Asking):
    """Asks the service about keys. It belongs to one event loop.

    ``url``: where the service's internal listener is. ``max_age``: for how many seconds a verdict may be kept; the
    service grants that or less, and answers a revocation only when it is over. ``timeout``: the limit for one question
    in seconds, connecting and retrying included. ``capacity``: how many verdicts are kept at most.
    ``max_questions``: how many questions are under way at most. ``token`` gives the
    token of the cluster, where the service asks for one, and is called for each question. ``client`` carries the
    questions: give one of your own for a private authority or a client certificate.
    """

    def __init__(
        self,
        url: str,
        *,
        max_age: float = 0.3,
        timeout: float = 1.0,
        capacity: int = 10_000,
        max_questions: int = 256,
        token: Callable[[], Awaitable[str]] | None = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(url, max_age, timeout, capacity)
        self._token = token
        # Keys go to the service and to nobody in between.
        self._client = client or httpx.AsyncClient(timeout=timeout, trust_env=False)
        self._flights: dict[bytes, asyncio.Task[Verdict]] = {}
        self._max_questions = max_questions

    @property
    def kept(self) -> int:
        """How many verdicts are remembered right now."""
        return len(self._kept)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def verify(self, key: str, trace: Mapping[str, str] | None = None) -> Caller:
        """Gives the caller whose key this is. ``trace``: the headers ``traceparent`` and ``tracestate``.

        Raises :class:`Refused` where the key is not good and :class:`Unavailable` where that cannot be known.
        """
        id, arrived = hash_of(key), Moment.now()
        while True:
            verdict = self._kept.get(id)
            if verdict is not None:
                return verdict.result()
            flight = self._flights.get(id)
            if flight is None:
                if len(self._flights) >= self._max_questions:
                    raise Unavailable
                # Others may join, so it does not end with the request that came first.
                flight = self._flights[id] = asyncio.create_task(self._fly(id, key, trace or {}))
            try:
                verdict = await asyncio.shield(flight)
            except Exception as error:
                raise Unavailable from error
            if verdict.holds_for(arrived):
                return verdict.result()

    async def _fly(self, id: bytes, key: str, trace: Mapping[str, str]) -> Verdict:
        try:
            async with asyncio.timeout(self._timeout):
                verdict = await self._ask(key, trace)
            self._kept.put(id, verdict)
            return verdict
        finally:
            del self._flights[id]

    async def _ask(self, key: str, trace: Mapping[str, str]) -> Verdict:
        question = self._question(key, trace, await self._token() if self._token else None)
        try:
            return await self._send(question)
        except RETRIED:
            return await self._send(question)

    async def _send(self, question: Question) -> Verdict:
        async with self._client.stream(**question.request) as response:
            answer = b""
            async for chunk in response.aiter_bytes():
                answer = joined(answer, chunk)
            return question.verdict(response.status_code, answer)
