#!/usr/bin/env python3
"""Reads and validates the content credentials of files with c2pa-python, the official reader, in a build of its own.

    read.py FILE...

Prints one JSON object a line: the file, C2PA's word on it (Valid, Trusted, Invalid; null where there are no credentials), the codes
of what it found wrong, who signed, and the assertions.
"""

import json
import sys

from c2pa import Reader

TYPES = {"jpg": "image/jpeg", "png": "image/png", "mp4": "video/mp4"}

for path in sys.argv[1:]:
    seen = {"file": path, "state": None}
    try:
        with open(path, "rb") as stream:
            store = json.loads(Reader(TYPES[path.rsplit(".", 1)[-1]], stream).json())
        active = store["manifests"][store["active_manifest"]]
        seen["state"] = store.get("validation_state")
        seen["wrong"] = [status["code"] for status in store.get("validation_status", [])]
        seen["signed_by"] = active.get("signature_info", {})
        seen["assertions"] = active.get("assertions", [])
    except Exception as error:  # The test wants to see whatever it is.
        seen["error"] = str(error)
    print(json.dumps(seen))
