"""Sends every expression of the dashboard to a Prometheus that scrapes two servers under load, and sees alerts fire and
clear through the rules as they are.

    run.py [DIVISOR] [DATA]    with another divisor than 1 the rules' times are so many times shorter

Writes what the panels show of it to DATA, for pictures.py.
"""

import json
import re
import signal
import sys
import time

from load import Load
from stand import ROOT, Stand, until

ALERTS = ROOT / "deploy/monitoring/alerts.yaml"
DASHBOARD = ROOT / "deploy/monitoring/dashboard.json"
# What has no data while all is well, and why.
OF_FAULTS = {
    "Failed requests": "nothing fails; forced by stopping PostgreSQL",
    "Failed operations": "nothing fails; forced by stopping PostgreSQL",
    "Statements repeated": "only where a server was asked that has not the newest history",
}
NOT_FORCED = {"Statements repeated"}
# By PostgreSQL that is away, and by a certificate that ends tomorrow.
BY_OUTAGE = {"CapykeysStoreFailing", "CapykeysVerdictsFailing", "CapykeysWithoutLease", "CapykeysFeedBehind",
             "CapykeysServerNotReady", "CapykeysCertificateEnds", "CapykeysCertificateEndsSoon"}


def rules(divisor):
    def shorter(match):
        seconds = int(match[2]) * 60 // divisor
        return f"{match[1]}{seconds}s"

    return re.sub(r"(\[|for: )(\d+)m", shorter, ALERTS.read_text())


def panels():
    """Each panel's row, title, unit, and expressions with their legends."""
    row = None
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            continue
        targets = [(plain(target["expr"]), target["legendFormat"]) for target in panel["targets"]]
        yield row, panel["title"], panel["fieldConfig"]["defaults"]["unit"], targets


def plain(expression):
    """As Grafana sends it."""
    for name, value in {"$__rate_interval": "1m", "$job": "capykeys", "$namespace": ".*", "$instance": ".*"}.items():
        expression = expression.replace(name, value)
    return expression


class Run:
    def __init__(self, divisor):
        self.divisor = divisor
        self.stand = Stand(rules(divisor))
        self.began = time.time()
        self.events, self.fired, self.cleared = [], {}, {}

    def say(self, text):
        self.events.append((time.time(), text))
        print(f"{time.time() - self.began:6.0f} s  {text}", flush=True)

    def without_data(self):
        empty = set()
        for _, title, _, targets in panels():
            for expression, legend in targets:
                found = self.stand.ask("query", query=expression)["result"]
                if not any(one["value"][1] != "NaN" for one in found):
                    empty.add(title if len(targets) == 1 or title in OF_FAULTS else f"{title}: {legend}")
        return empty

    def await_data(self, allowed, limit=60):
        end = time.monotonic() + limit
        while missing := self.without_data() - allowed:
            if time.monotonic() > end:
                raise SystemExit(f"no data in {sorted(missing)}")
            time.sleep(1)

    def look(self):
        firing = self.stand.firing()
        for name in sorted(firing - self.fired.keys()):
            self.fired[name] = time.time()
            self.say(f"{name} fires")
        for name in sorted(self.fired.keys() - firing - self.cleared.keys()):
            self.cleared[name] = time.time()
            self.say(f"{name} clears")

    def await_alerts(self, names, seen, minutes):
        def condition():
            self.look()
            return names <= seen.keys()

        until(f"what was expected of {sorted(names)}", condition, minutes * 60 / self.divisor + 60)

    def all_of_it(self):
        stand = self.stand
        stand.start()
        load = Load(stand)
        load.start()
        try:
            self.began = time.time()
            self.say("load on two servers")
            time.sleep(90)
            self.look()
            unexpected = self.fired.keys() - {"CapykeysTelemetryDropped"}
            if unexpected:
                raise SystemExit(f"these fire although all is well: {sorted(unexpected)}")
            self.await_data(OF_FAULTS.keys())
            self.say(f"{sum(len(targets) for *_, targets in panels())} expressions have data, but of faults")
            self.say("PostgreSQL is stopped, and a certificate of one day put in place")
            stand.postgres.stop()
            stand.certify(days=1)
            self.await_alerts(BY_OUTAGE, self.fired, 5)
            missing = (self.without_data() & OF_FAULTS.keys()) - NOT_FORCED
            if missing:
                raise SystemExit(f"the faults do not show in {sorted(missing)}")
            self.say("PostgreSQL and the certificate are back, and server b is killed")
            stand.postgres.start()
            stand.certify(days=90)
            stand.servers[1].end(signal.SIGKILL)
            self.await_alerts({"CapykeysServerDown"}, self.fired, 10)
            self.await_alerts(BY_OUTAGE - {"CapykeysCertificateEnds", "CapykeysCertificateEndsSoon"}, self.cleared, 10)
            self.say("server a is stopped")
            stand.servers[0].end()
            self.await_alerts({"CapykeysDown"}, self.fired, 5)
            # So long that it shows.
            time.sleep(10)
            self.say("both are started again")
            for server in stand.servers:
                server.start()
            self.await_alerts(BY_OUTAGE | {"CapykeysDown", "CapykeysServerDown"}, self.cleared, 5)
            time.sleep(10)
            self.say("the end")
        finally:
            load.end()

    def data(self):
        """What the panels have shown, from the beginning to the end."""
        end = time.time()
        step = max(1, round((end - self.began) / 180))
        found = []
        for row, title, unit, targets in [*panels(), ("Alerts", "Firing alerts", "short", [
                ('count by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}")])]:
            series = {}
            for expression, legend in targets:
                asked = self.stand.ask("query_range", query=expression, start=self.began, end=end, step=step)
                for one in asked["result"]:
                    name = re.sub(r"\{\{(\w+)\}\}", lambda match: one["metric"].get(match[1], ""), legend).strip()
                    series[name] = [(round(at - self.began, 1), float(value)) for at, value in one["values"]]
            found.append({"row": row, "title": title, "unit": unit, "series": series})
        events = [(round(at - self.began, 1), text) for at, text in self.events]
        return {"step": step, "length": round(end - self.began), "events": events, "panels": found}


def main():
    run = Run(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    try:
        run.all_of_it()
        if len(sys.argv) > 2:
            with open(sys.argv[2], "w") as file:
                json.dump(run.data(), file)
    finally:
        run.stand.end()
    for title, reason in OF_FAULTS.items():
        print(f"Without data while all is well: {title} ({reason}).")


if __name__ == "__main__":
    main()
