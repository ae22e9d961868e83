"""What schemathesis cannot read from the document."""

import datetime
import os
import re
import uuid

import schemathesis
from hypothesis import strategies as st


def _utc_offsets():
    minutes = st.integers(min_value=-14 * 60, max_value=14 * 60)
    return minutes.map(lambda n: datetime.timezone(datetime.timedelta(minutes=n)))


def _expiries():
    """Times that can be an `expires_at`: in the future, and within ten years.

    JSON Schema has no words for "in the future", so any other time would be valid by the document
    and refused by the service.
    """
    now = datetime.datetime.now()
    moments = st.datetimes(
        min_value=now + datetime.timedelta(days=2),
        max_value=now + datetime.timedelta(days=3650),
        timezones=_utc_offsets(),
    )
    fractions = st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=9).map(lambda d: "." + d))
    return st.tuples(moments, fractions).map(
        lambda pair: pair[0].strftime("%Y-%m-%dT%H:%M:%S") + pair[1] + _offset(pair[0])
    )


def _offset(moment):
    offset = moment.strftime("%z")
    return "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"


schemathesis.openapi.format("date-time", _expiries())


def _is_past(text):
    try:
        return datetime.datetime.fromisoformat(text) <= datetime.datetime.now(datetime.timezone.utc)
    except (TypeError, ValueError):
        return False


def _drop_repeated_scopes(body):
    """No scope twice. The document says so in words only: as `uniqueItems` it would become a set in
    Java's clients, and a set loses the order."""
    scopes = body.get("scopes") if isinstance(body, dict) else None
    if isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes):
        body["scopes"] = list(dict.fromkeys(scopes))


IDEMPOTENCY_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+"|[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+')
LONGEST_GRACE = 30 * 24 * 3600
MOST_SECONDS = 2**31 - 1
EMPTY = ("", [], {}, [""], [None])


def _name_keys_once_over(case):
    """Of the body that revokes many keys: either ids or a filter, which the document says in words only, and not the key that
    everything is signed in with. A dry run, or the keys that other calls need would be gone."""
    if case.operation.path.endswith("/api-keys/revoke") and isinstance(case.body, dict):
        ids = case.body.get("ids")
        if ids is not None and "filter" in case.body:
            del case.body["filter"]
        if isinstance(ids, list):
            own = os.environ["CAPYKEYS_SCHEMATHESIS_KEY_ID"]
            case.body["ids"] = ["key_00000000000000000000000000" if one == own else one for one in ids]
        if ids is None and "filter" not in case.body:
            case.body["ids"] = ["key_00000000000000000000000000"]
        if isinstance(case.body.get("dry_run", False), bool):
            case.body["dry_run"] = True


@schemathesis.hook
def before_call(context, case, kwargs):
    """Corrects what the stateful phase takes over from earlier answers, and what the coverage phase leaves empty."""
    # Without a value they count as left out, which the document says in words only, as of `limit` below.
    for name in ("descendants", "expires_before", "unused_since"):
        if (case.query or {}).get(name) in EMPTY:
            case.query[name] = "nothing"
    # Its pattern does not allow for that.
    if case.headers and case.headers.get("If-Match") == "":
        case.headers["If-Match"] = "*"
    # The document says in words only how long it may be, for its quotation marks do not count; and of two creations
    # that are called the same, the second is 422 where it is another.
    name = (case.headers or {}).get("Idempotency-Key")
    if name == "" or (name is not None and IDEMPOTENCY_KEY.fullmatch(str(name))):
        case.headers["Idempotency-Key"] = f'"{uuid.uuid4()}"'
    path = case.path_parameters or {}
    # The key that everything is signed in with is not revoked or rotated: all that follows would be 401.
    if path.get("keyID") in ("self", os.environ["CAPYKEYS_SCHEMATHESIS_KEY_ID"]):
        path["keyID"] = "key_00000000000000000000000000"
    _name_keys_once_over(case)
    verifications = case.body.get("verifications") if isinstance(case.body, dict) else None
    for part in [case.body, *(verifications if isinstance(verifications, list) else [])]:
        _drop_repeated_scopes(part)
    # How long a grace may be is a setting, which the document says in words only.
    grace = case.body.get("grace_seconds") if isinstance(case.body, dict) else None
    if isinstance(grace, (int, float)) and LONGEST_GRACE < grace <= MOST_SECONDS:
        case.body["grace_seconds"] = LONGEST_GRACE
    if isinstance(case.body, dict) and "key_digest" not in case.body:
        # It is the beginning of that secret, and refused without it.
        case.body.pop("key_prefix", None)
    # A `created_at` is a valid time by the document, and no valid `expires_at`.
    if isinstance(case.body, dict) and _is_past(case.body.get("expires_at")):
        case.body["expires_at"] = "2030-01-01T00:00:00Z"


@schemathesis.hook
def filter_query(context, query):
    """No `limit` without a value. It counts as left out, which the document says in words only: a
    number or an empty text would be no number any more to generators of clients."""
    return not query or query.get("limit", 1) not in EMPTY
