"""A sign-in with Cofactor's component, from Python: enrol a token, type its code, type it again."""

import secrets
import subprocess
import sys
import time

from cofactor import Verifier

verifier = Verifier(sys.argv[1])  # cofactor component --write cofactor.wasm
policy = verifier.compile_policy("")["bytes"]
key = secrets.token_hex(32)  # One for each account, kept by the host.
record = None  # The account: what the host stores, unread.


def step(action):
    """One event: judged, then stored before anything is said."""
    global record
    context = {"now": time.time_ns() // 1_000_000, "entropy": secrets.token_hex(32), "policy": policy,
               "tenant": "example", "keys": [{"id": 1, "secret": key}]}
    origin = {"user": "alice", "known": record is not None, "application": "intranet", "gateway": "python",
              "binding": "00" * 32}
    transition = verifier.step(context, record, {"id": secrets.token_hex(16), "origin": origin, "action": action})
    if isinstance(transition["account"], dict):
        record = transition["account"]["write"]
    return transition["outcome"]


issued = step({"administer": {"actor": "admin", "why": "example", "change": {"issue": {"method": "totp", "label": "Phone"}}}})
secret = issued["done"]["provisioning"]["manual-key"]
code = subprocess.check_output(["oathtool", "--totp", "-b", secret], text=True).strip()
for _ in range(2):
    outcome = step({"begin": {"surface": ["prompt"], "early-answer": code}})
    print(code, *outcome, (outcome.get("allow") or {"claims": {}})["claims"].get("amr", ""))
