package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	library "blitiri.com.ar/go/spf"

	"onbehalf/authorize/record"
)

// lawDNS is what the records of the laws lead to.
type lawDNS struct{ spf string } // of x.nl

func (d lawDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	text, found := map[string]string{
		"x.nl": d.spf, "_spf.vendor.example": "v=spf1 ip4:203.0.113.0/24 ~all", "_spf.other.example": "v=spf1 ip4:203.0.113.64/26 -all",
	}[strings.TrimSuffix(name, ".")]
	if !found {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{text}, nil
}

func (lawDNS) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return []*net.MX{{Host: "mail.x.nl."}}, nil
}

func (lawDNS) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	ip := map[string]string{"x.nl": "198.51.100.80", "mail.x.nl": "198.51.100.81", "www.y.nl": "198.51.100.82"}[strings.TrimSuffix(host, ".")]
	if ip == "" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []net.IPAddr{{IP: net.ParseIP(ip)}}, nil
}

func (lawDNS) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
}

// result is what a receiver makes of a sender.
func result(spf, ip string) library.Result {
	got, _ := library.CheckHostWithSender(net.ParseIP(ip), "helo.invalid", "postmaster@x.nl", library.WithResolver(lawDNS{spf}))
	return got
}

// senders are some that the terms below name, their neighbours, and strangers.
var senders = []string{
	"192.0.2.7", "198.51.100.7", "198.51.100.8", "198.51.100.32", "198.51.100.33", "198.51.100.63", "198.51.100.64", "198.51.100.80", "198.51.100.81", "198.51.100.82",
	"203.0.113.1", "203.0.113.65", "203.0.114.1", "8.8.8.8", "127.0.0.1", "2001:db8::1", "2001:db8::2", "2a00::1",
}

// draft is a record as it was meant, and its words as they are published.
type draft struct{ meant, typed []string }

// drafted makes a record with one mistake or two of some kinds. Of those that have one
// meaning nothing may be lost.
func drafted(seed uint64) (d draft, plain bool) {
	random := rand.New(rand.NewPCG(seed, 1))
	pool := []string{"mx", "a", "a:www.y.nl", "ip4:198.51.100.7", "ip4:198.51.100.32/27", "-ip4:198.51.100.33", "~ip4:198.51.100.80", "include:_spf.vendor.example", "-include:_spf.other.example", "?a", "ip6:2001:db8::1"}
	random.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	d.meant = append(d.meant, pool[:1+random.IntN(5)]...)
	d.meant = append(d.meant, []string{"-all", "~all", "?all"}[random.IntN(3)])
	d.typed = slices.Clone(d.meant)
	plain = true
	for range 1 + random.IntN(2) {
		at := random.IntN(len(d.typed))
		plain = mistakes[random.IntN(len(mistakes))](&d, at) && plain
	}
	return d, plain
}

// mistakes put one into a word, and report whether what was meant is still plain.
var mistakes = []func(*draft, int) bool{
	func(d *draft, at int) bool { return d.last("- ", "— ", "−", "-\u00a0", "--") },
	func(d *draft, at int) bool { return d.glue(at, "") },
	func(d *draft, at int) bool { return d.glue(at, ",") },
	func(d *draft, at int) bool { return d.glue(at, ";") },
	func(d *draft, at int) bool { d.typed[at] += ","; return true },
	func(d *draft, at int) bool { return d.replace(at, ":", ": ") },
	func(d *draft, at int) bool { return d.replace(at, ":", " :") },
	func(d *draft, at int) bool { return d.replace(at, "ip4:", "ip:") },
	func(d *draft, at int) bool { return d.replace(at, "ip4:", "") },
	func(d *draft, at int) bool { return d.replace(at, "ip4:", "ip6:") },
	func(d *draft, at int) bool { return d.replace(at, "include:", "include:https://") },
	func(d *draft, at int) bool { return d.replace(at, "-", "–") },
	func(d *draft, at int) bool { d.typed[at] = "“" + d.typed[at] + "”"; return true },
	func(d *draft, at int) bool { return !strings.Contains(d.replaced(at, "include:", "include="), "=") },
	func(d *draft, at int) bool { return !strings.Contains(d.replaced(at, ".100.", ".300."), ".300.") },
	func(d *draft, at int) bool { d.typed[at] = "nonsense" + d.typed[at]; return false },
}

func (d *draft) replaced(at int, old, new string) string {
	d.typed[at] = strings.Replace(d.typed[at], old, new, 1)
	return d.typed[at]
}

func (d *draft) replace(at int, old, new string) bool { d.replaced(at, old, new); return true }

// last changes the qualifier of all, if it is a hyphen.
func (d *draft) last(ways ...string) bool {
	end := len(d.typed) - 1
	if d.typed[end] == "-all" {
		d.typed[end] = ways[len(d.meant)%len(ways)] + "all"
	}
	return true
}

// glue takes the space behind a word away. Where a name and a or mx become one, nobody can tell,
// so that stays apart.
func (d *draft) glue(at int, with string) bool {
	if at+1 == len(d.typed) {
		return true
	}
	behind := d.typed[at+1]
	if with == "" && !slices.ContainsFunc([]string{"ip", "include", "-", "~", "?"}, func(s string) bool { return strings.HasPrefix(behind, s) }) {
		return true
	}
	d.typed[at] += with + behind
	d.typed = slices.Delete(d.typed, at+1, at+2)
	return true
}

// FuzzRepair holds that by the record that is proposed no sender passes who passes neither by the
// record that was meant nor by our own terms, and that who passed before either does so now, or
// a remark says what was left out.
func FuzzRepair(f *testing.F) {
	for seed := range uint64(600) {
		f.Add(seed)
	}
	ours := []record.Term{term("ip4:192.0.2.7")}
	f.Fuzz(func(t *testing.T, seed uint64) {
		d, plain := drafted(seed)
		text, _ := begun("v=spf1 " + strings.Join(d.typed, " "))
		proposed, remarks, fit := merge([]string{text}, ours)
		meant := "v=spf1 " + strings.Join(d.meant, " ")
		said := strings.Contains(strings.Join(remarks, "\n"), "left out")
		if (said || !fit) && plain {
			t.Errorf("%s\nwas typed as %s\nof which is left out %q", meant, text, remarks)
		}
		for _, ip := range senders {
			before, after := result(meant, ip) == library.Pass, result(proposed.String(), ip) == library.Pass
			switch {
			case after && !before && ip != "192.0.2.7":
				t.Errorf("%s\nwas typed as %s\nand became %s, by which %s passes", meant, text, proposed, ip)
			case before && !after && !said:
				t.Errorf("%s\nwas typed as %s\nand became %s, by which %s does not pass any more", meant, text, proposed, ip)
			}
		}
	})
}

// FuzzNeverWider holds the same of any text: where receivers can read it, by what they read.
// Where they cannot, nothing is let in that the text does not name.
func FuzzNeverWider(f *testing.F) {
	for _, text := range []string{
		"mx -all", "- all", "+ all mx", "ip4:198.51.100.7/0 a//0", "include=_spf.vendor.example -all", "?include:_spf.vendor.example ip4:203.0.113.0/24", "mx -all v=spf1 a -all",
		"redirect:_spf.vendor.example", "-,ip4:198.51.100.7", "~mx,a,198.51.100.7 all", "a,-ip4:1 ip4:198.51.100.7", "ip6:::ffff:198.51.100.7", "include:x.nl-include:y.nl mx",
	} {
		f.Add(text)
	}
	ours := []record.Term{term("ip4:192.0.2.7")}
	f.Fuzz(func(t *testing.T, text string) {
		present, ok := begun("v=spf1 " + text)
		if !ok || len(apart(present)) != 1 {
			return // two are merged: see FuzzMerge
		}
		proposed, remarks, _ := merge([]string{present}, ours)
		if slices.ContainsFunc(proposed.Terms, record.Term.Everyone) {
			t.Fatalf("%q became %q", text, proposed)
		}
		if _, err := record.ParseSPF(present); err == nil {
			for _, ip := range senders[1:] {
				before, after := result(present, ip), result(proposed.String(), ip)
				if after == library.Pass && before != library.Pass && before != library.PermError {
					t.Errorf("%q became %q, by which %s passes: it was %s", text, proposed, ip, before)
				}
				if before == library.Pass && after != library.Pass && len(remarks) == 0 {
					t.Errorf("%q became %q, by which %s does not pass, and nothing is said", text, proposed, ip)
				}
			}
			return
		}
		named := squeezed(present)
		for _, one := range proposed.Terms[1:] {
			if value := squeezed(one.Value); letsIn(one) && !strings.Contains(named, value) {
				t.Errorf("%q became %q: where is %q from?", text, proposed, one.Text)
			}
		}
	})
}

func squeezed(text string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", `"`, "").Replace(asTyped(text)))
}

// TestMergeNeverWider holds it of two records at a time.
func TestMergeNeverWider(t *testing.T) {
	ours := []record.Term{term("ip4:192.0.2.7")}
	for seed := range uint64(400) {
		one, _ := drafted(2 * seed)
		two, _ := drafted(2*seed + 1)
		a, b := "v=spf1 "+strings.Join(one.meant, " "), "v=spf1 "+strings.Join(two.meant, " ")
		merged, remarks, _ := merge([]string{a, b}, ours)
		all := strings.Join(remarks, "\n")
		for _, ip := range senders[1:] {
			before := result(a, ip) == library.Pass || result(b, ip) == library.Pass
			after := result(merged.String(), ip) == library.Pass
			if after && !before || before && !after && !strings.Contains(all, "keeps its hosts out") {
				t.Errorf("%s\n%s\nbecame %s, by which %s passes: %v, before: %v\n%s", a, b, merged, ip, after, before, all)
			}
		}
		ends := one.meant[len(one.meant)-1] != two.meant[len(two.meant)-1]
		if ends != strings.Contains(all, "the weaker") {
			t.Errorf("%s\n%s: %s", a, b, all)
		}
	}
}

// TestLawSenders sees to it that the laws above look at senders of every kind.
func TestLawSenders(t *testing.T) {
	count := make(map[library.Result]int)
	for seed := range uint64(100) {
		d, _ := drafted(seed)
		for _, ip := range senders {
			count[result("v=spf1 "+strings.Join(d.meant, " "), ip)]++
			netip.MustParseAddr(ip)
		}
	}
	if count[library.Pass] < 100 || count[library.Fail] < 100 || count[library.SoftFail] < 100 || count[library.PermError] > 0 {
		t.Error(fmt.Sprint(count))
	}
}
