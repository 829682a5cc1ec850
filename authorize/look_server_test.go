package authorize_test

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// server is a DNS server for one case. It answers as a recursive server does whose
// world is one zone, the root: it follows CNAMEs, and tells a name without records of
// a type from a name that does not exist.
type server struct {
	addr string // host:port, UDP and TCP

	mu      sync.Mutex
	records map[string][]dns.RR
	exists  map[string]bool      // names, and those that only others lie below
	fails   map[dns.Question]int // with an RCODE, or silent; class 0, and type ANY for all
	asked   []string             // name and type of each question, repetitions too
}

// silent stands for no answer in server.fails.
const silent = -1

// serve starts a server on loopback. lines are those of a master file relative to
// the root (RFC 1035 section 5). In a comment may stand what master files cannot
// have: "SERVFAIL NAME [TYPE]", "REFUSED NAME [TYPE]" and "SILENT NAME [TYPE]".
func serve(t testing.TB, lines string) *server {
	t.Helper()
	s := new(server)
	s.publish()
	s.read(t, lines)
	s.addr = serveBy(t, s)
	return s
}

// serveBy starts a server on loopback that answers as the handler does.
func serveBy(t testing.TB, handler dns.Handler) string {
	t.Helper()
	// UDP first: only where both are free is there an address.
	for range 50 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := packets.LocalAddr().String()
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			packets.Close()
			continue
		}
		run(t, &dns.Server{PacketConn: packets, Handler: handler})
		run(t, &dns.Server{Listener: listener, Handler: handler})
		return addr
	}
	t.Fatal("no port on 127.0.0.1 is free for both UDP and TCP")
	return ""
}

// publish makes these the server's records, and forgets what was asked.
func (s *server) publish(records ...dns.RR) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records, s.exists, s.fails = make(map[string][]dns.RR), make(map[string]bool), make(map[dns.Question]int)
	s.asked = nil
	for _, rr := range records {
		s.add(rr)
	}
}

func run(t testing.TB, server *dns.Server) {
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
}

func (s *server) read(t testing.TB, lines string) {
	t.Helper()
	var zone strings.Builder
	for line := range strings.Lines(lines) {
		if comment, found := strings.CutPrefix(line, ";"); found {
			s.readFailure(t, strings.Fields(comment))
			continue
		}
		zone.WriteString(shortStrings(line))
	}
	parser := dns.NewZoneParser(strings.NewReader(zone.String()), ".", "zone")
	parser.SetDefaultTTL(60)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		s.add(rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("%v\n%s", err, zone.String())
	}
}

func (s *server) add(rr dns.RR) {
	name := strings.ToLower(rr.Header().Name)
	s.records[name] = append(s.records[name], rr)
	for _, i := range dns.Split(name) {
		s.exists[name[i:]] = true
	}
}

func (s *server) readFailure(t testing.TB, words []string) {
	t.Helper()
	rcode := silent
	switch {
	case len(words) < 2:
		return
	case words[0] == "SERVFAIL" || words[0] == "REFUSED":
		rcode = dns.StringToRcode[words[0]]
	case words[0] != "SILENT":
		return
	}
	q := dns.Question{Name: dns.Fqdn(words[1]), Qtype: dns.TypeANY}
	if len(words) > 2 {
		q.Qtype = dns.StringToType[words[2]]
	}
	s.fails[q] = rcode
}

// shortStrings cuts quoted strings that are longer than DNS has them.
func shortStrings(line string) string {
	const longest = 255
	var b strings.Builder
	quoted, length := false, 0
	for i := 0; i < len(line); i++ {
		if line[i] == '"' {
			quoted, length = !quoted, 0
		} else if length++; quoted && length > longest {
			b.WriteString(`" "`)
			length = 1
		}
		b.WriteByte(line[i])
		if line[i] == '\\' && i+1 < len(line) {
			i++
			b.WriteByte(line[i])
		}
	}
	return b.String()
}

// ServeDNS is of dns.Handler.
func (s *server) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	question := request.Question[0]
	m := new(dns.Msg).SetReply(request)
	m.RecursionAvailable = true
	s.mu.Lock()
	s.asked = append(s.asked, strings.TrimSuffix(question.Name, ".")+" "+dns.Type(question.Qtype).String())
	answers := s.answer(m, strings.ToLower(question.Name), question.Qtype)
	s.mu.Unlock()
	if !answers {
		return
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := uint16(dns.MinMsgSize)
		if edns := request.IsEdns0(); edns != nil {
			size = edns.UDPSize()
		}
		m.Truncate(int(size))
	}
	w.WriteMsg(m)
}

// answer follows CNAMEs as far as a recursive server does; false: nothing is said.
func (s *server) answer(m *dns.Msg, name string, qtype uint16) bool {
	const patience = 16
	for range patience {
		if rcode, fails := s.failure(name, qtype); fails {
			m.Answer, m.Rcode = nil, rcode
			return rcode != silent
		}
		records, found := s.lookUp(name)
		if !found {
			m.Rcode = dns.RcodeNameError
			return true
		}
		var alias *dns.CNAME
		for _, rr := range records {
			rr = dns.Copy(rr)
			rr.Header().Name = name
			cname, isAlias := rr.(*dns.CNAME)
			if isAlias {
				alias = cname
			}
			if isAlias || rr.Header().Rrtype == qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		if alias == nil || qtype == dns.TypeCNAME {
			return true
		}
		name = strings.ToLower(alias.Target)
	}
	m.Answer, m.Rcode = nil, dns.RcodeServerFailure
	return true
}

func (s *server) failure(name string, qtype uint16) (rcode int, fails bool) {
	for _, t := range []uint16{qtype, dns.TypeANY} {
		if rcode, fails = s.fails[dns.Question{Name: name, Qtype: t}]; fails {
			return rcode, true
		}
	}
	return 0, false
}

// lookUp gives what stands at a name, or at the wildcard that covers it (RFC 4592
// section 3.3).
func (s *server) lookUp(name string) (records []dns.RR, found bool) {
	if s.exists[name] || name == "." {
		return s.records[name], true
	}
	encloser := name
	for !s.exists[encloser] && encloser != "" {
		_, encloser, _ = strings.Cut(encloser, ".")
	}
	records, found = s.records["*."+encloser]
	return records, found
}

// questions gives the questions in the order in which they came first.
func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var once []string
	for _, q := range s.asked {
		if !slices.Contains(once, q) {
			once = append(once, q)
		}
	}
	return once
}

// packets tells how many questions came, repetitions and TCP included.
func (s *server) packets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}
