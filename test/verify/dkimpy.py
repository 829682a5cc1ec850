# Verifies each DKIM signature of the message on standard input with dkimpy, asking
# the DNS server argv[1]:argv[2], and writes what it found as a JSON array.
import json
import sys

import dkim
import dns.resolver

resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers = [sys.argv[1]]
resolver.port = int(sys.argv[2])


def txt(name, timeout=5):
    try:
        answer = resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=timeout)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    return b"".join(answer[0].strings)


def check(message, index):
    verifier = dkim.DKIM(message)
    verifier.signature_fields = {}
    try:
        good = verifier.verify(index, dnsfunc=txt)
        text = "good" if good else "does not match, or no key"
    except Exception as e:
        good, text = False, repr(e)
    tag = lambda name: verifier.signature_fields.get(name, b"").decode(errors="replace")
    return {"domain": tag(b"d"), "selector": tag(b"s"), "algorithm": tag(b"a"),
            "verdict": "ok" if good else "bad", "text": text}


message = sys.stdin.buffer.read()
try:
    headers = dkim.DKIM(message).headers
except dkim.MessageFormatError as e:
    sys.exit("dkimpy cannot read the message: %s" % e)
count = sum(name.lower() == b"dkim-signature" for name, _ in headers)
json.dump([check(message, i) for i in range(count)], sys.stdout)
