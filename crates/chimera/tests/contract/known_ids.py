"""Hooks of schemathesis: every other request with a well-formed id goes to something that is there, as it stands now.

Ids that are made up lead to 404 and to nothing behind it. So lists are asked for once, and where the id, the version or
the hash is of the kind that the document allows, a known one takes its place.
"""

import itertools
import os
import re

import requests
import schemathesis

ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{32}")
SESSION = requests.Session()
SESSION.headers["Authorization"] = "Bearer " + os.environ["CHIMERA_TOKEN"]
turn = itertools.count()
known = {}


def look(base, path):
    answer = SESSION.get(base + path, timeout=30)
    answer.raise_for_status()
    return answer.json()


def ids(base):
    if not known:
        known["/api/hitl/"] = [one["id"] for one in look(base, "/api/hitl/queue")["tickets"]]
        known["/api/campaigns/"] = [one["id"] for one in look(base, "/api/campaigns")]
        known["/api/plans/"] = [one["trace_id"] for one in look(base, "/api/plans")["plans"]]
        known["/api/signals/"] = [one["id"] for one in look(base, "/api/signals")["signals"]]
        known["/api/alerts/"] = [one["id"] for one in look(base, "/api/alerts")]
        known["/api/traces/"] = [one["trace_id"] for one in look(base, "/api/posts")]
    return known


@schemathesis.hook
def before_call(context, case, kwargs):
    made_up = (case.path_parameters or {}).get("id")
    if not isinstance(made_up, str) or not ID.fullmatch(made_up):
        return
    n = next(turn)
    base = (kwargs.get("base_url") or case.operation.base_url).rstrip("/")
    found = next((all for path, all in ids(base).items() if case.path.startswith(path)), [])
    if n % 2 or not found:
        return
    case.path_parameters["id"] = found[n // 2 % len(found)]
    place = base + case.path.rsplit("/", 1)[0].format(id=case.path_parameters["id"])
    if "If-Match" in (case.headers or {}) and n % 4:
        tag = SESSION.get(place, timeout=30).headers.get("ETag")
        case.headers["If-Match"] = tag or case.headers["If-Match"]
    if isinstance(case.body, dict) and isinstance(case.body.get("seen_hash"), str):
        ticket = SESSION.get(place, timeout=30).json().get("ticket")
        case.body["seen_hash"] = ticket["artifact_hash"] if ticket else case.body["seen_hash"]
