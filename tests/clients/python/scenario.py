"""What the scenarios of all generators share."""

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

URL = os.environ["CAPYKEYS_URL"]
INTERNAL_URL = os.environ["CAPYKEYS_INTERNAL_URL"]
ORGANIZATION = os.environ["CAPYKEYS_ORGANIZATION"]
ADMIN_KEY = os.environ["CAPYKEYS_KEY"]
# How many keys there are before the scenario begins.
KEYS = int(os.environ["CAPYKEYS_KEYS"])
EXPIRY = datetime.now(UTC) + timedelta(hours=1)
# The id of a key that nobody has.
UNKNOWN = "key_01h455vb4pex5vsknk084sn02q"


def step(what: str) -> Callable[[Callable[[], str]], None]:
    """Says what was done, or ends with a sentence that says what was not."""

    def run(work: Callable[[], str]) -> None:
        try:
            print(f"{what}: {work()}", flush=True)
        except Exception as error:
            sys.exit(f"{what} failed: {type(error).__name__}: {error}")

    return run


def check(holds: bool, reason: object) -> None:
    if not holds:
        raise ValueError(reason)


def next_cursor(link: str | None) -> str | None:
    """The cursor of the next page, from the header Link."""
    found = re.search(r'<\?([^>]*)>; rel="next"', link or "")
    return parse_qs(found[1])["cursor"][0] if found else None
