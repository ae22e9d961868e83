"""Python's urllib, and requests and httpx where they are installed, with their default settings."""

import json
import os
import urllib.error
import urllib.request

URL, KEY = os.environ["CAPYKEYS_URL"], os.environ["CAPYKEYS_KEY"]
KEYS = f"/v1/organizations/{os.environ['CAPYKEYS_ORGANIZATION']}/api-keys"


def with_urllib(method, path, headers, body):
    data = None if body is None else json.dumps(body).encode()
    headers = headers if body is None else {**headers, "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def with_library(library):
    def ask(method, path, headers, body):
        sent = {} if body is None else {"json": body}
        answer = library.request(method, URL + path, headers=headers, **sent)
        return answer.status_code, answer.content

    return ask


def libraries():
    yield with_urllib
    for name in ["requests", "httpx"]:
        try:
            yield with_library(__import__(name))
        except ImportError:
            print(f"skipped: {name} is not installed")


for ask in libraries():

    def expect(status, method, path, body=None, signed_in=True):
        headers = {"Authorization": f"Bearer {KEY}"} if signed_in else {}
        got, text = ask(method, path, headers, body)
        assert got == status, (method, path, got, text)
        return text

    expect(200, "GET", "/v1/me")
    expect(401, "GET", "/v1/me", signed_in=False)
    expect(200, "HEAD", "/v1/me")
    created = json.loads(expect(201, "POST", KEYS, {"name": "Pythön", "scopes": ["jobs:read"]}))["api_key"]
    assert created["name"] == "Pythön"
    assert created["id"] in [key["id"] for key in json.loads(expect(200, "GET", KEYS))["api_keys"]]
    expect(200, "DELETE", f"{KEYS}/{created['id']}")

print("ok")
