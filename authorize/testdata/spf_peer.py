"""Asks pyspf, another implementation of RFC 7208, for the results of check_host().

Each line of standard input is the address of a DNS server, a client's IP address,
a sender and a name for HELO; each line of standard output is a result.
"""

import sys

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import spf

server = None


def lookup(name, qtype, tcpfallback=True, timeout=5):
    """Is spf.DNSLookup, for the server of the line at hand."""
    host, port = server.rsplit(":", 1)
    try:
        question = dns.message.make_query(name, qtype)
    except dns.exception.DNSException:  # a name that DNS cannot hold
        return []
    answer, _ = dns.query.udp_with_fallback(question, host, port=int(port), timeout=timeout)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise spf.TempError("DNS " + dns.rcode.to_text(answer.rcode()))
    found = []
    for rrset in answer.answer:
        if rrset.rdtype != dns.rdatatype.from_text(qtype):
            continue
        for data in rrset:
            if qtype in ("A", "AAAA"):
                value = data.address
            elif qtype == "MX":
                value = (data.preference, data.exchange.to_text(True))
            elif qtype == "PTR":
                value = data.target.to_text(True)
            else:
                value = list(data.strings)
            found.append(((name, qtype), value))
    return found


spf.DNSLookup = lookup
for line in sys.stdin:
    server, ip, sender, helo = line.split()
    print(spf.check2(ip, sender, helo)[0], flush=True)
