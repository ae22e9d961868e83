"""A verifier for programs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

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


class AsyncVerifier:
    """Asks the service about keys. It belongs to one event loop.

    ``url``: where the service's internal listener is. ``max_age``: for how many seconds a verdict may be kept; the
    service grants that or less, and answers a revocation only when it is over. ``timeout``: the limit for one question
    in seconds, connecting and retrying included. ``capacity``: how many verdicts are kept at most. ``token`` gives the
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
        token: Callable[[], Awaitable[str]] | None = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._url = url.rstrip("/") + "/v1/api-keys/verify"
        self._max_age, self._timeout, self._token = max_age, timeout, token
        # Keys go to the service and to nobody in between.
        self._client = client or httpx.AsyncClient(timeout=timeout, trust_env=False)
        self._kept = Kept(capacity)
        self._flights: dict[bytes, asyncio.Task[Verdict]] = {}

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
        if len(key) > MAX_KEY_LENGTH:
            raise Refused("not_found")
        id, arrived = hash_of(key), Moment.now()
        while True:
            verdict = self._kept.get(id)
            if verdict is not None:
                return verdict.result()
            flight = self._flights.get(id)
            if flight is None:
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
        headers = {"content-type": "application/json", **sendable(trace)}
        if self._token is not None:
            headers["authorization"] = f"Bearer {await self._token()}"
        content, asked = question(key, self._max_age), Moment.now()
        try:
            status, answer = await self._post(content, headers)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            # Once more, for a kept connection may turn out to be closed.
            status, answer = await self._post(content, headers)
        return read_verdict(status, answer, asked, self._max_age)

    async def _post(self, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        request = self._client.stream("POST", self._url, content=content, headers=headers, follow_redirects=False)
        async with request as response:
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_SIZE:
                    raise ValueError("the service's answer is too long")
            return response.status_code, answer
