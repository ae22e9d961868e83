"""What callers do: services and gateways that verify, people and programs that manage keys, probes."""

import http.client
import json
import random
import ssl
import string
import subprocess
import threading
import time
import zlib

from stand import GRPC

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def made_up_key():
    """One that was never made, with the right checksum."""
    text = "capy_live_" + "".join(random.choices(ALPHABET, k=32))
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return text + digits


class Client:
    """A connection that is kept, and made again where it broke."""

    def __init__(self, scheme, address):
        if scheme == "https":
            self.connection = http.client.HTTPSConnection(address, timeout=5, context=ssl._create_unverified_context())
        else:
            self.connection = http.client.HTTPConnection(address, timeout=5)

    def ask(self, method, path, body=None, headers=None):
        try:
            text = json.dumps(body) if body is not None else None
            kind = {"Content-Type": "application/json"} if body is not None else {}
            self.connection.request(method, path, text, kind | (headers or {}))
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return 0, b""


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Load:
    def __init__(self, stand):
        self.stand = stand
        self.over = threading.Event()
        organization = stand.command("organizations", "create", "--name", "Acme")["id"]
        self.keys = f"/v1/organizations/{organization}/api-keys"
        key = lambda name, scope: stand.command(
            "keys", "create", "--organization", organization, "--name", name, "--scope", scope)["plaintext_api_key"]
        self.admin, self.weak = key("admin", "*"), key("weak", "jobs:read")
        self.good, self.revoked = [self.weak], []
        self.session = stand.issuer.token()
        self.bad_sessions = [stand.issuer.token(-30), stand.issuer.token(iss="https://another.example"),
                             stand.issuer.token(kid="two")]
        kinds = [(self.verify, 2, 0.01), (self.gateway, 1, 0.05), (self.manage, 1, 0.1), (self.sign_in, 1, 0.25),
                 (self.probe, 1, 1)]
        self.threads = [threading.Thread(target=self.repeat, args=(work, server, pause))
                        for server in stand.servers for work, count, pause in kinds for _ in range(count)]
        self.threads.append(threading.Thread(target=self.ask_over_grpc))

    def start(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def repeat(self, work, server, pause):
        public, internal = Client("http", server.public), Client(server.scheme, server.internal)
        while not self.over.wait(pause * random.uniform(0.5, 1.5)):
            work(public, internal)

    def any_key(self):
        kind = random.random()
        if kind < 0.85 or not self.revoked:
            return random.choice(self.good)
        return random.choice(self.revoked) if kind < 0.95 else made_up_key()

    def verify(self, _, internal):
        scope = "jobs:read" if random.random() < 0.95 else "backups:write"
        internal.ask("POST", "/v1/api-keys/verify", {"api_key": self.any_key(), "scopes": [scope]})

    def gateway(self, _, internal):
        token = self.any_key() if random.random() < 0.6 else random.choice([self.session, *self.bad_sessions])
        forwarded = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/jobs", "X-Forwarded-Host": "api.example.test"}
        internal.ask("GET", "/authorize/forward-auth", headers=forwarded | bearer(token))

    def manage(self, public, _):
        status, answer = public.ask("POST", self.keys, {"name": "one", "scopes": ["jobs:read"]}, bearer(self.admin))
        if status == 201:
            made = json.loads(answer)
            self.good.append(made["plaintext_api_key"])
            public.ask("GET", self.keys + "?limit=20", headers=bearer(self.admin))
            if len(self.good) > 40:
                status, _ = public.ask("DELETE", f"{self.keys}/{made['api_key']['id']}", headers=bearer(self.admin))
                if status == 200:
                    self.good.remove(made["plaintext_api_key"])
                    self.revoked = [*self.revoked[-50:], made["plaintext_api_key"]]
        # It is refused, which is an event.
        public.ask("POST", self.keys, {"name": "no", "scopes": ["*"]}, bearer(self.weak))

    def sign_in(self, public, _):
        public.ask("GET", "/v1/me", headers=bearer(self.session))
        public.ask("GET", "/v1/me", headers=bearer(random.choice(self.bad_sessions)))

    def probe(self, _, internal):
        internal.ask("GET", "/readyz")

    def ask_over_grpc(self):
        """As Envoy does, with curl: envoy.service.auth.v3.CheckRequest written by hand."""
        field = lambda number, data: bytes([number << 3 | 2, len(data)]) + data
        while not self.over.wait(0.5):
            text = lambda number, value: field(number, value.encode())
            headers = field(3, text(1, "x-api-key") + text(2, self.any_key()))
            request = field(2, text(2, "GET") + headers + text(4, "/jobs") + text(5, "api.example.test"))
            message = field(1, field(4, request))
            subprocess.run(
                ["curl", "--silent", "--max-time", "2", "--http2-prior-knowledge", "--output", "/dev/null",
                 "--header", "content-type: application/grpc", "--header", "te: trailers", "--data-binary", "@-",
                 f"http://127.0.0.1:{GRPC}/envoy.service.auth.v3.Authorization/Check"],
                input=b"\0" + len(message).to_bytes(4, "big") + message, check=False)
