"""Verifies messages with dkimpy.

Reads {"dns": {name: TXT}, "messages": {name: base64}} on standard input and writes
{name: [[selector, verdict], ...]}, the signatures of each message from the top.
"""
import base64
import json
import sys

import dkim

job = json.load(sys.stdin)


def txt(name, timeout=5):
    return job["dns"].get(name.decode().rstrip("."), "").encode() or None


def verdict(message, index):
    d = dkim.DKIM(message)
    try:
        good = d.verify(idx=index, dnsfunc=txt)
        return [d.selector.decode(), "pass" if good else "fail"]
    except dkim.DKIMException as e:
        return [(getattr(d, "selector", None) or b"").decode(), "%s: %s" % (type(e).__name__, e)]


def verdicts(message):
    header = message.split(b"\r\n\r\n")[0].lower()
    count = (b"\r\n" + header).count(b"\r\ndkim-signature:")
    return [verdict(message, i) for i in range(count)]


json.dump({n: verdicts(base64.b64decode(m)) for n, m in job["messages"].items()}, sys.stdout)
