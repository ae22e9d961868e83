"""What the service says of a key, and what is remembered of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_KEY_LENGTH = 512


@dataclass(frozen=True)
class Caller:
    """Who has presented a key that is good."""

    key_id: str
    organization_id: str
    scopes: tuple[str, ...]
    #: Of a key that is for one project alone.
    project_id: str | None = None

    def grants(self, scope: str) -> bool:
        """Whether the key has the scope, by name or by ``*``."""
        return scope in self.scopes or "*" in self.scopes


class Refused(Exception):
    """The key is not good, for the reason that the service's ``code`` says."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the API key is not good: {code}")
        self.code = code


class Unavailable(Exception):
    """There is no verdict. Whoever asked is to be refused, with 503."""

    def __init__(self) -> None:
        super().__init__("API keys cannot be verified right now")


class Moment(NamedTuple):
    """A time by two clocks: one stands still while the machine sleeps, the other can be set back."""

    measured: float
    told: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.monotonic(), time.time())


@dataclass(frozen=True)
class Verdict:
    """What the service has said of a key."""

    #: None where the key is not good.
    caller: Caller | None
    code: str
    #: When the question was sent, from which its age counts: the answer may have been under way for long.
    asked: Moment
    max_age: float

    def is_fresh(self, now: Moment) -> bool:
        """Whether the longer of what two clocks have measured is less than its age."""
        return max(now.measured - self.asked.measured, now.told - self.asked.told) < self.max_age

    def holds_for(self, arrived: Moment) -> bool:
        """Whether it may be used for a request that arrived then. A question that others had asked before may be
        older than a revocation that was acknowledged meanwhile: then it counts only as long as one that was kept.
        """
        return self.asked.measured >= arrived.measured or self.is_fresh(Moment.now())

    def result(self) -> Caller:
        if self.caller is None:
            raise Refused(self.code)
        return self.caller


def read_verdict(status: int, answer: bytes, asked: Moment, limit: float) -> Verdict:
    """Reads an answer; one that says anything but what is specified is none."""
    if status != 200:
        raise ValueError(f"the service answers {status}")
    read = json.loads(answer)
    if not isinstance(read, dict):
        raise ValueError("the service's answer is no verdict")
    valid, age, key = read.get("valid"), read.get("max_age_ms"), read.get("api_key")
    if not isinstance(valid, bool) or type(age) is not int or age < 0:
        raise ValueError("the service's answer is no verdict")
    max_age = min(age / 1000, limit)
    if not valid:
        return Verdict(None, str(read.get("code")), asked, max_age)
    return Verdict(_read_caller(key), "", asked, max_age)


def _read_caller(key: Any) -> Caller:
    if isinstance(key, dict):
        scopes, project = key.get("scopes"), key.get("project_id")
        texts = [key.get("id"), key.get("organization_id")]
        texts += [] if project is None else [project]
        if isinstance(scopes, list) and all(isinstance(text, str) and text for text in [*texts, *scopes]):
            return Caller(key["id"], key["organization_id"], tuple(scopes), project)
    raise ValueError("the service's verdict does not say whose key it is")


def hash_of(key: str) -> bytes:
    """All that is remembered of a key. What is too long to be one is refused."""
    if len(key) > MAX_KEY_LENGTH:
        raise Refused("not_found")
    return hashlib.sha256(key.encode()).digest()


class Kept:
    """The verdicts that were used last."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._verdicts: OrderedDict[bytes, Verdict] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verdicts)

    def get(self, id: bytes) -> Verdict | None:
        verdict = self._verdicts.get(id)
        if verdict is None:
            return None
        if not verdict.is_fresh(Moment.now()):
            del self._verdicts[id]
            return None
        self._verdicts.move_to_end(id)
        return verdict

    def put(self, id: bytes, verdict: Verdict) -> None:
        if not verdict.is_fresh(Moment.now()):
            return
        self._verdicts[id] = verdict
        self._verdicts.move_to_end(id)
        if len(self._verdicts) > self._capacity:
            self._verdicts.popitem(last=False)
