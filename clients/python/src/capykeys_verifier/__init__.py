"""Guards services with API keys that a capykeys service verifies."""

from ._asyncio import AsyncVerifier
from ._threads import Verifier
from ._verdict import Caller, Refused, Unavailable

__all__ = ["AsyncVerifier", "Caller", "Refused", "Unavailable", "Verifier"]
