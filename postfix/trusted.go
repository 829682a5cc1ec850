package postfix

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Networks returns what mynetworks holds: the networks whose clients may send by this Postfix
// without a login. Files and the sources of tables are read; what is excluded (!) is left out.
func (c Configuration) Networks() []netip.Prefix { return networks(c.Setting("mynetworks"), 0) }

func networks(list string, depth int) []netip.Prefix {
	var all []netip.Prefix
	for _, one := range words(list) {
		file := one
		if _, path, table := strings.Cut(one, ":/"); table {
			file = "/" + path
		}
		if strings.HasPrefix(file, "/") && depth < 3 {
			for line := range strings.Lines(fileText(file)) {
				if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
					all = append(all, networks(fields[0], depth+1)...)
				}
			}
			continue
		}
		if network, is := network(one); is && !slices.Contains(all, network) {
			all = append(all, network)
		}
	}
	return all
}

// mostOfTable bounds what is read of a table.
const mostOfTable = 1 << 20

func fileText(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostOfTable {
		return ""
	}
	text, _ := os.ReadFile(path)
	return string(text)
}

// network reads an address or network as Postfix writes it: [::1]/128, 10.0.0.0/8, 10.1.2.3. One
// of IPv4 in IPv6 is that of IPv4.
func network(text string) (netip.Prefix, bool) {
	text = strings.NewReplacer("[", "", "]", "").Replace(text)
	prefix, err := netip.ParsePrefix(text)
	if addr, failure := netip.ParseAddr(text); failure == nil {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if addr := prefix.Addr(); err == nil && addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), err == nil
}

// Strangers returns the networks of mynetworks that are not in trust.networks, or not all of them.
func (c Configuration) Strangers(trusted []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(c.Networks(), func(n netip.Prefix) bool {
		return slices.ContainsFunc(trusted, func(t netip.Prefix) bool { return t.Bits() <= n.Bits() && t.Contains(n.Addr()) })
	})
}

// trustFindings finds clients that may send by this Postfix, and whose mail onbehalf leaves alone.
func (c Configuration) trustFindings(w Wanted) []Finding {
	var all []Finding
	for _, n := range c.Strangers(w.Trusted) {
		var list []string
		for _, one := range append(slices.Clone(w.Trusted), n) {
			list = append(list, fmt.Sprintf("%q", one))
		}
		all = append(all, Finding{Level: Warning, What: fmt.Sprintf("mynetworks has %s, which is not in trust.networks", n),
			Why:      "mail of its clients leaves as it came, neither signed nor rewritten, unless they log in",
			Fix:      fmt.Sprintf("if these are application servers of yours, write trust.networks: [%s]; a gateway that passes on mail of strangers must not be there", join(list)),
			Commands: []string{"onbehalf check-config && systemctl reload onbehalf"}})
	}
	return all
}

// LogsIn returns the services where clients can log in (SASL).
func (c Configuration) LogsIn() []string {
	var all []string
	for _, s := range c.Services("smtpd") {
		if value, _ := c.Of(s.Name, "smtpd_sasl_auth_enable"); value == "yes" {
			all = append(all, s.Name)
		}
	}
	return all
}

// disabled returns the networks for which tables of milters say DISABLE; all: for everything.
func disabled(list string) (found []netip.Prefix, all bool) {
	for _, t := range ParseTables(list) {
		kind, text, _ := strings.Cut(t.Text, ":")
		if strings.HasPrefix(text, "/") {
			text = fileText(text)
		}
		all = all || kind == "static" && strings.EqualFold(text, "DISABLE")
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("\n{},", r) }) {
			field := strings.Fields(strings.ReplaceAll(line, "=", " "))
			if len(field) < 2 || !strings.EqualFold(field[1], "DISABLE") {
				continue
			}
			if n, is := network(field[0]); is {
				found = append(found, n)
			}
		}
	}
	return found, all
}

func disablesTrusted(_ Configuration, p place, w Wanted) bool {
	found, all := disabled(p.value)
	return all || slices.ContainsFunc(found, func(n netip.Prefix) bool { return slices.ContainsFunc(w.Trusted, n.Overlaps) })
}

func mapsOthers(c Configuration, p place, w Wanted) bool {
	return p.value != "" && !disablesTrusted(c, p, w)
}
