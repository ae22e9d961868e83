"""What both verifiers ask, and how they read the answer; they differ in who waits for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ._rules import sendable
from ._verdict import Kept, Moment, Verdict, read_verdict

MAX_ANSWER_SIZE = 64 * 1024
#: A kept connection may turn out to be closed. To ask once more changes nothing.
RETRIED = (httpx.NetworkError, httpx.RemoteProtocolError)


@dataclass(frozen=True)
class Question:
    """A question about one key."""

    #: What httpx is given.
    request: dict[str, Any]
    asked: Moment
    max_age: float

    def verdict(self, status: int, answer: bytes) -> Verdict:
        return read_verdict(status, answer, self.asked, self.max_age)


class Asking:
    """What a verifier knows of the service, and what it remembers."""

    def __init__(self, url: str, max_age: float, timeout: float, capacity: int) -> None:
        self._url = url.rstrip("/") + "/v1/api-keys/verify"
        self._max_age, self._timeout = max_age, timeout
        self._kept = Kept(capacity)

    def _question(self, key: str, trace: Mapping[str, str], token: str | None) -> Question:
        headers = {"content-type": "application/json", **sendable(trace)}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = json.dumps({"api_key": key, "max_age_ms": round(self._max_age * 1000)}).encode()
        request = {"method": "POST", "url": self._url, "content": content, "headers": headers}
        return Question({**request, "follow_redirects": False}, Moment.now(), self._max_age)


def joined(answer: bytes, chunk: bytes) -> bytes:
    """What there is of an answer, which may not be longer than any verdict is."""
    if len(answer) + len(chunk) > MAX_ANSWER_SIZE:
        raise ValueError("the service's answer is too long")
    return answer + chunk
