"""What the dashboard and the alerts are tried on: PostgreSQL, two servers, an issuer of session tokens, Prometheus."""

import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
ISSUER = "https://clerk.example.test"
# All of them at once, so that none is given twice.
SOCKETS = [socket.create_server(("127.0.0.1", 0)) for _ in range(9)]
PORTS = [one.getsockname()[1] for one in SOCKETS]
for one in SOCKETS:
    one.close()
DATABASE, PROMETHEUS, KEYS, NOBODY, GRPC, *LISTENERS = PORTS


def printed_by(script):
    return subprocess.run([ROOT / "scripts" / script], check=True, capture_output=True, text=True).stdout.strip()


def until(what, condition, limit=60):
    """Waits for something true."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"{what} took longer than {limit} s")


class Issuer:
    """An issuer of session tokens, whose signing keys are fetched."""

    def __init__(self, folder):
        self.key = folder / "issuer.key"
        run("openssl", "genrsa", "-out", self.key, "2048")
        modulus = run("openssl", "rsa", "-in", self.key, "-noout", "-modulus").stdout.strip().split("=")[1]
        numbers = {"n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
        answer = json.dumps({"keys": [{"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256"} | numbers]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", KEYS), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, seconds=3600, kid="one", **claims):
        """A session token that is good for so long."""
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": kid}
        body = {"v": 2, "iss": ISSUER, "sub": "user_2one", "sid": "sess_2one", "sts": "active", "azp": "https://example.test",
                "iat": now + min(seconds - 60, 0), "nbf": now + min(seconds - 60, 0), "exp": now + seconds, "jti": "one",
                "fva": [0, -1], "pla": "u:free"} | claims
        text = ".".join(encoded(json.dumps(part).encode()) for part in (header, body))
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(),
                                check=True, capture_output=True).stdout
        return f"{text}.{encoded(signed)}"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr}{done.stdout}")
    return done


class Postgres:
    def __init__(self, folder):
        self.programs = pathlib.Path(printed_by("postgres"))
        self.data = folder / "postgres"
        self.data.mkdir()
        # It refuses to be root.
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.data, "postgres", "postgres")
        self.call("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync", "--no-instructions")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(f"port = {DATABASE}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
                           "full_page_writes = off\nmax_connections = 200\n")
        self.url = f"postgres://postgres@127.0.0.1:{DATABASE}/postgres?sslmode=disable"

    def call(self, program, *arguments):
        run(*self.user, self.programs / program, *arguments, cwd=self.data)

    def start(self):
        self.call("pg_ctl", "-D", self.data, "-l", self.data / "log", "-w", "start")

    def stop(self):
        self.call("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


class Server:
    """A server. Its internal listener has TLS where it is given the folder of a certificate."""

    def __init__(self, stand, name, listeners, certificate=None, variables=None):
        self.public, self.internal = (f"127.0.0.1:{port}" for port in listeners)
        self.scheme = "https" if certificate else "http"
        self.log = open(stand.folder / f"{name}.log", "ab")
        self.environment = stand.environment | (variables or {}) | {
            "CAPYKEYS__SERVER__LISTEN": self.public,
            "CAPYKEYS__SERVER__DRAIN": "0s",
            "CAPYKEYS__INTERNAL__LISTEN": self.internal,
        }
        if certificate:
            self.environment |= {
                "CAPYKEYS__INTERNAL__TLS__CERTIFICATE_FILE": str(certificate / "tls.crt"),
                "CAPYKEYS__INTERNAL__TLS__KEY_FILE": str(certificate / "tls.key"),
            }
        self.program = stand.program
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.program, "serve"], env=self.environment, stdout=self.log, stderr=self.log)
        until(f"the start of {self.public}", self.answers)

    def answers(self):
        try:
            return urllib.request.urlopen(f"http://{self.public}/readyz", timeout=2).status == 200
        except OSError:
            return False

    def end(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)


class Stand:
    """All of it, in a folder that goes away."""

    def __init__(self, rules):
        self.program = os.environ.get("CAPYKEYS_PROGRAM", ROOT / "target/debug/capykeys")
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.folder.chmod(0o755)
        self.certificate = self.folder / "tls"
        self.certificate.mkdir()
        self.certify(days=90)
        self.issuer = Issuer(self.folder)
        self.postgres = Postgres(self.folder)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("CAPYKEYS_", "OTEL_"))}
        self.environment |= {
            "CAPYKEYS__STORE__KIND": "postgres",
            "CAPYKEYS__POSTGRES__URL": self.postgres.url,
            "CAPYKEYS__KEYS__PEPPER": "5e" * 32,
            "CAPYKEYS__CLERK__INSTANCES__ONE__ISSUER": ISSUER,
            "CAPYKEYS__CLERK__INSTANCES__ONE__JWKS_URL": f"http://127.0.0.1:{KEYS}/jwks",
        }
        # Nobody receives its telemetry.
        sending = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{NOBODY}", "OTEL_METRIC_EXPORT_INTERVAL": "5000",
                   "CAPYKEYS__INTERNAL__GRPC_LISTEN": f"127.0.0.1:{GRPC}"}
        self.servers = [
            Server(self, "a", LISTENERS[:2], variables=sending),
            Server(self, "b", LISTENERS[2:], certificate=self.certificate),
        ]
        self.prometheus = None
        self.rules = rules

    def certify(self, days):
        """A certificate that ends in so many days, in the place of the one that is there."""
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days,
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", self.certificate / "tls.key", "-out", self.certificate / "tls.crt")

    def command(self, *arguments):
        """What a command of the program prints."""
        return json.loads(run(self.program, *arguments, env=self.environment).stdout or "null")

    def start(self):
        self.postgres.start()
        run(self.program, "migrate", env=self.environment)
        for server in self.servers:
            server.start()
        targets = [{"targets": [server.internal], "labels": {"instance": name, "__scheme__": server.scheme}}
                   for name, server in zip("ab", self.servers)]
        rules = self.folder / "alerts.yaml"
        rules.write_text(self.rules)
        settings = self.folder / "prometheus.yaml"
        # JSON is YAML.
        settings.write_text(json.dumps({
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "capykeys", "static_configs": targets,
                                "tls_config": {"insecure_skip_verify": True}}],
        }))
        program = pathlib.Path(printed_by("promtool")).with_name("prometheus")
        log = open(self.folder / "prometheus.log", "wb")
        self.prometheus = subprocess.Popen(
            [program, f"--config.file={settings}", f"--storage.tsdb.path={self.folder}/prometheus",
             f"--web.listen-address=127.0.0.1:{PROMETHEUS}"], stdout=log, stderr=log)
        until("the start of Prometheus", lambda: self.ask("query", query="up") is not None)

    def ask(self, what, **parameters):
        """Prometheus' answer; None where it gives none."""
        url = f"http://127.0.0.1:{PROMETHEUS}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            # It reads what it has stored.
            if error.code == 503:
                return None
            raise SystemExit(f"Prometheus refuses {parameters}: {error.read().decode()}") from error
        except OSError:
            return None

    def firing(self):
        found = self.ask("alerts") or {"alerts": []}
        return {alert["labels"]["alertname"] for alert in found["alerts"] if alert["state"] == "firing"}

    def end(self):
        for server in self.servers:
            server.end()
        if self.prometheus:
            self.prometheus.terminate()
            self.prometheus.wait(30)
        if (self.postgres.data / "postmaster.pid").exists():
            self.postgres.stop()
        self.temporary.cleanup()
