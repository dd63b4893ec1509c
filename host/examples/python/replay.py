"""Replays scenarios (docs/scenario.md) and prints every transition, byte for byte as `cofactor simulate` does.

    python replay.py cofactor.wasm scenario.jsonl...

What a host has to do is all here: keep each account's record, name the instant, supply entropy and keys, count what the
component wants counted, and put back what it wrote.
"""

import hashlib
import json
import re
import sys

from cofactor import Fault, Verifier

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Scenario:
    """A host in virtual time."""

    def __init__(self, verifier, setting):
        self.verifier = verifier
        self.seed = setting["entropy"]
        self.now = setting.get("start", 0)
        self.origin = setting.get("origin", {})
        self.tenant = setting.get("tenant", "default")
        self.keys = setting.get("keys") or [{"id": 1, "secret": self.expand("key")}]
        self.policy = verifier.compile_policy(setting.get("policy", ""))["bytes"]
        self.refuse_before = 0
        self.accounts = {}

    def happen(self, number, line):
        """One line: the transition, the verdict or the fault."""
        at = line.get("at", "+0ms")
        if isinstance(at, int):
            self.now = at
        else:
            sign, amount, unit = re.fullmatch(r"([+-])(\d+)(ms|s|m|h|d)", at).groups()
            self.now += int(sign + amount) * UNITS[unit]
        self.refuse_before = line.get("refuse-before", self.refuse_before)
        try:
            if "event" in line:
                return self.event(number, line)
            return self.authorize(line)
        except Fault as fault:
            return {"fault": fault.args[0]}

    def event(self, number, line):
        event = line["event"]
        event.setdefault("id", self.expand(f"id {number}"))
        origin = event.setdefault("origin", {})
        defaults = {
            "user": line.get("account", "alice"),
            "application": "example",
            "gateway": "simulate",
            "binding": self.expand("binding"),
        }
        event["origin"] = origin = {**defaults, **self.origin, **origin}
        account = self.account(line, origin["user"])
        event = refer(event, account)
        event["origin"]["known"] = account["known"]
        entropy = self.expand(f"line {number}")
        transition = self.step(account, event, entropy, line.get("observed", []))
        account["generation"] = transition["generation"]
        change = transition["account"]
        if change == "remove":
            account["record"], account["known"] = None, False
        elif change != "keep":
            (kind, account["record"]), = change.items()
            account["known"] |= kind == "write"
        remember(account, transition["outcome"])
        return transition

    def step(self, account, event, entropy, observed):
        context = self.context(entropy=entropy, keys=self.keys, observed=observed)
        context["refuse-before"] = self.refuse_before
        return self.verifier.step(context, account["record"], event)

    def authorize(self, line):
        account = self.account(line, "alice")
        asked = refer(line["authorize"], account)
        asked["request"].setdefault("generation", account["generation"])
        verdict = self.verifier.authorize(self.context(), asked["session"], asked["request"])
        return {"verdict": verdict}

    def context(self, **values):
        return {"now": self.now, "entropy": "", "policy": self.policy, "tenant": self.tenant, **values}

    def account(self, line, user):
        new = {"record": None, "known": False, "generation": 0}
        return self.accounts.setdefault(line.get("account", user), new)

    def expand(self, label):
        """32 bytes for one use, from the scenario's seed."""
        return hashlib.sha256(f"cofactor simulate\0{self.seed}\0{label}".encode()).hexdigest()


def remember(account, outcome):
    """What later lines may refer to."""
    (kind, it), = outcome.items()
    found = {
        "allow": lambda: {"$session": it["claims"], "$credential": it.get("credential")},
        "challenge": lambda: {"$challenge": it["id"]},
        "pending": lambda: {"$challenge": it["challenge"]},
        "enrol": lambda: {"$challenge": it.get("provisioning", {}).get("challenge")},
        "done": lambda: {"$credential": it.get("credential")},
    }.get(kind, dict)()
    account.update({name: value for name, value in found.items() if value is not None})


def refer(value, account):
    """Puts what an earlier line brought in the place of its name."""
    if isinstance(value, dict):
        return {key: refer(item, account) for key, item in value.items()}
    if isinstance(value, list):
        return [refer(item, account) for item in value]
    return account[value] if value in ("$challenge", "$credential", "$session") else value


def main(component, *scenarios):
    verifier = Verifier(component)
    for path in scenarios:
        with open(path, encoding="utf-8") as file:
            lines = [(number, line) for number, line in enumerate(file) if line.strip() and line[0] != "#"]
        scenario = Scenario(verifier, json.loads(lines[0][1]))
        for number, line in lines[1:]:
            answer = scenario.happen(number, json.loads(line))
            print(json.dumps(answer, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


if __name__ == "__main__":
    main(*sys.argv[1:])
