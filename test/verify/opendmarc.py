# Asks OpenDMARC's library what becomes of a message: reads JSON with the author's domain, the
# domain and text of the DMARC record that holds for it, the domain that SPF passed for, and the
# SDIDs of signatures that verified; writes pass, reject, quarantine or none.
import ctypes
import json
import sys


asked = json.load(sys.stdin)
dmarc = ctypes.CDLL(sys.argv[1])
dmarc.opendmarc_tld_read_file(sys.argv[2].encode(), b"//", b"*.", b"!")
dmarc.opendmarc_policy_connect_init.restype = ctypes.c_void_p


def call(name, *args):
    result = getattr(dmarc, name)(ctypes.c_void_p(context), *args)
    if result != 0:
        sys.exit("%s%r: %d" % (name, args, result))


context = dmarc.opendmarc_policy_connect_init(b"192.0.2.1", 4)
call("opendmarc_policy_store_from_domain", asked["author"].encode())
call("opendmarc_policy_store_spf", asked["spf"].encode(), 1, 1, b"pass")
for sdid in asked["dkim"] or []:
    call("opendmarc_policy_store_dkim", sdid.encode(), b"s", 1, b"pass")
call("opendmarc_policy_store_dmarc", asked["record"].encode(), asked["author"].encode(), asked["at"].encode())
verdict = dmarc.opendmarc_get_policy_to_enforce(ctypes.c_void_p(context))
print({14: "absent", 15: "pass", 16: "reject", 17: "quarantine", 18: "none"}.get(verdict, verdict))
