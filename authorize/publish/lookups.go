package publish

import (
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
)

// Bounds of an SPF record.
const (
	maxLookUps = 10  // RFC 7208 section 4.6.4
	maxOctets  = 450 // RFC 7208 section 3.4: longer ones may not fit a DNS packet
	maxWalk    = 40  // lookups after which we stop counting
	maxDepth   = 10  // includes in a row, likewise
)

// walk counts lookups.
type walk struct {
	dns resolve.Answers
	n   int
}

// lookUps counts the terms that make a receiver ask DNS when nothing matches, in the
// record and in those that it leads to. What does not answer, or hangs on a macro,
// counts as itself alone; above maxWalk the count is not the whole.
func lookUps(answers resolve.Answers, s record.SPF) int {
	w := &walk{dns: answers}
	w.count(s, 0)
	return w.n
}

func (w *walk) count(s record.SPF, depth int) {
	redirect, follow := s.Redirect()
	for _, t := range s.Terms {
		if t.Name == "all" {
			follow = false // RFC 7208 section 6.1
			break
		}
		if t.Name != "redirect" {
			w.term(t, depth)
		}
	}
	if follow {
		w.term(redirect, depth)
	}
}

func (w *walk) term(t record.Term, depth int) {
	if !t.LooksUp() || w.n >= maxWalk {
		return
	}
	w.n++
	if leads := t.Name == "include" || t.Name == "redirect"; !leads || depth >= maxDepth || strings.Contains(t.Value, "%") {
		return
	}
	answer, err := w.dns.To(t.Value, dns.TypeTXT)
	if err != nil {
		return
	}
	if texts := record.OnlySPF(answer.Texts()); len(texts) == 1 {
		s, _ := record.ParseSPF(texts[0])
		w.count(s, depth+1)
	}
}
