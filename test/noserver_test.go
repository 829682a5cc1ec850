package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"

	"onbehalf/test/nameserver"
)

// portOfDNS is the only one that resolv.conf(5) can mean.
const portOfDNS = "53"

// addressOfDNS returns an address of loopback for a DNS server that resolv.conf can name.
func addressOfDNS() string {
	pid := os.Getpid()
	return net.JoinHostPort(fmt.Sprintf("127.53.%d.%d", pid>>8&0xff, pid&0xff), portOfDNS)
}

// noServer starts the daemon on a host whose resolv.conf is missing, then empty, then names a
// server, then another file with the same one, and at last none again.
func (f *faults) noServer() {
	f.stop()
	server := f.house.nameserver.Addr
	named := fmt.Sprintf("servers: [%q], ", server)
	f.configure(named, "")
	etc := f.folder + "/etc"
	if out, err := exec.Command("cp", "-a", "/etc", etc).CombinedOutput(); err != nil {
		f.t.Fatalf("%v\n%s", err, out)
	}
	resolv := etc + "/resolv.conf"
	f.must(os.RemoveAll(resolv))
	f.within = []string{"/usr/bin/unshare", "--mount", "--propagation", "private", "sh", "-c", `mount --bind "$0" /etc && exec "$@"`, etc}
	f.serve()
	f.says("there is no DNS server to ask")
	f.status("NO SERVER TO ASK: /etc/resolv.conf: does not exist")
	f.arrives(row2) // as it was known
	f.must(os.WriteFile(resolv, nil, 0o644))
	f.says("/etc/resolv.conf names no server")
	f.status("NO SERVER TO ASK: /etc/resolv.conf names no server")
	f.wouldStart()

	host, _, _ := net.SplitHostPort(server)
	f.must(os.WriteFile(resolv, []byte("nameserver "+host+"\n"), 0o644))
	f.says(`msg="DNS servers of the system"`)
	f.publish(nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"))
	f.await("the tenant to be in row 5", func() bool { out, _, _ := f.run("status", "yourorg"); return strings.Contains(out, "row 5") })
	f.publishAll()
	f.well()
	lines := strings.Count(f.logged(), `msg="DNS servers of the system"`)
	f.must(os.WriteFile(resolv+".new", []byte("# by another program\nnameserver "+host+"\n"), 0o644))
	f.must(os.Rename(resolv+".new", resolv))
	f.must(os.Remove(resolv))
	f.await("the daemon to see that there is none again", func() bool { out, _, _ := f.run("status"); return strings.Contains(out, "NO SERVER TO ASK") })
	f.arrives(row2)
	if more := strings.Count(f.logged(), `msg="DNS servers of the system"`); more != lines {
		f.t.Errorf("%d lines say that the servers are others, though they are not", more-lines)
	}
	f.configure("dns: {", "dns: {"+named)
	f.free()
	f.well()
}

// wouldStart fails unless check-config --start answers there as the start did.
func (f *faults) wouldStart() {
	f.t.Helper()
	words := append(slices.Clone(f.within), f.binary, "check-config", "--start", "--config", f.config)
	if out, err := exec.Command(words[0], words[1:]...).Output(); err != nil || !strings.HasPrefix(string(out), "ok: ") {
		f.t.Errorf("check-config --start: %v: %s", err, out)
	}
}
