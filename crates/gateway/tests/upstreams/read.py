"""How Python reads requests: lines of `method host target` in hexadecimal, to lines of the same kind.

The path comes out as its segments, with commas between them. A request that is refused is a `-`, and
so is one that two of Python's own ways of reading read differently.
"""

import sys
from urllib.parse import unquote, urlsplit


def read(method, host, target):
    url = urlsplit(f"http://{host}{target}")
    _ = url.port
    path = unquote(url.path, errors="strict")
    # As WSGI servers do it (wsgiref.simple_server).
    if path != unquote(target.partition("?")[0], errors="strict"):
        return "-"
    segments = [segment.encode().hex() for segment in path.removeprefix("/").split("/")]
    # As Django does it.
    return f"{method.upper().encode().hex()} {(url.hostname or '').encode().hex()} {','.join(segments)}"


for line in sys.stdin:
    try:
        print(read(*(bytes.fromhex(field).decode() for field in line.rstrip("\n").split(" "))))
    except ValueError:
        print("-")
