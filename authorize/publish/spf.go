package publish

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/authorize/record"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
)

// wantedSPF is an SPF record that should stand at a name, and name us.
type wantedSPF struct {
	name     message.Domain
	included bool   // it is only included: no mail can come from the name
	end      string // of a record that is new
	mail     bool   // the domain's own mail servers may send, too
	plain    bool   // with addresses, never by include
	why      string
}

// spf returns the merged record: what is there, and us. The finding is about the domain, if mail
// can come from it.
func (k task) spf(f authorize.Finding, w wantedSPF) Record {
	name, zone := w.name.String(), dmarc.Listed(w.name)
	r := newRecord(SPF, name, zone, "TXT", "", w.why)
	ours, plain := k.ours(w.name)
	if w.plain {
		ours = plain
	}
	answer, err := k.dns.To(name, dns.TypeTXT)
	if err != nil {
		r.unanswered(err)
		us := strings.Join(texts(ours), " ")
		r.remark(fmt.Sprintf("if there is an SPF record, put %s directly after v=spf1 in it, and publish no second one; if there is none, publish v=spf1 %s %s, with everything else that sends mail added", us, us, w.end))
		return r
	}
	r.behindAlias(answer)
	present := r.readSPF(answer)
	passes := w.names(r.Present, ours, plain, f)
	if f.Reason == authorize.NoAnswer {
		r.unanswered(errors.New(f.Text))
		r.remark("it is not known whether mail passes already; with the record shown here it does")
	}
	s := record.SPF{}
	fit := true
	if passes && !letsEveryoneIn(r.Present[0]) {
		r.Done = true
		s, _ = record.ParseSPF(r.Present[0])
	} else {
		s, fit = k.propose(&r, w, present, ours, plain)
	}
	if !fit {
		r.remark("no record is shown here until that is known: correct or remove the term in the present record, and run this again")
		return r
	}
	r.Value = s.String()
	r.judgeSPF(s, lookUps(k.dns, s))
	if !r.Done && w.name != zone && !w.included && k.onlyWildcard(w.name) {
		r.remark(fmt.Sprintf("a wildcard record (*.%s) answers for %s, and no longer does when this record is there (RFC 4592): publish the other records of the name (A, MX) as well", w.name.Parent().Unicode(), name))
	}
	return r
}

// letsEveryoneIn reports whether a record lets every host pass, in its own words.
func letsEveryoneIn(text string) bool {
	s, _ := record.ParseSPF(text)
	_, everyone := s.Everyone()
	return everyone
}

// readSPF notes what is present, and returns what can be read as SPF.
func (r *Record) readSPF(answer resolve.Answer) (read []string) {
	texts, meant := answer.Texts(), []string(nil)
	r.Present = record.OnlySPF(texts)
	for i, parts := range answer.Strings() {
		if record.IsSPF(texts[i]) {
			text, _ := choose(parts)
			read = append(read, text)
			continue
		}
		fault, looks := record.LooksLikeSPF(texts[i])
		if !looks {
			continue
		}
		r.Present = append(r.Present, texts[i])
		rest := "; what it was meant to say is not in the record shown here"
		if text, readable := recovered(parts...); readable {
			meant, rest = append(meant, text), ""
		}
		r.remark("receivers do not see " + quoted(texts[i]) + " as an SPF record, because " + fault + ": delete it" + rest)
	}
	return append(read, meant...)
}

// names reports whether a record that is present lets us send: what is found of the domain says
// so or, where no mail comes from the name, the text.
func (w wantedSPF) names(present []string, ours, plain []record.Term, f authorize.Finding) bool {
	switch {
	case len(present) != 1 || !record.IsSPF(present[0]):
		return false
	case w.included:
		return stands(present[0], ours) || stands(present[0], plain)
	}
	return f.Verdict == authorize.There
}

// propose makes the record that lets us pass, and reports whether it is fit to be published.
func (k task) propose(r *Record, w wantedSPF, present []string, ours, plain []record.Term) (record.SPF, bool) {
	if len(present) == 0 {
		return k.fresh(r, w, ours), true
	}
	s, remarks, fit := merge(present, ours)
	if n := lookUps(k.dns, s); n > maxLookUps && ours[0].Name == "include" {
		s, remarks, fit = merge(present, plain)
		s.Terms = slices.DeleteFunc(s.Terms, func(t record.Term) bool { return holds(ours, t) })
		remarks = append(remarks, fmt.Sprintf("with %s it would need %s DNS lookups, and receivers stop at %d, so it has the addresses themselves", ours[0].Text, atMost(n), maxLookUps))
	}
	r.remark(remarks...)
	if len(r.Present) == 1 && sameRecord(r.Present[0], s) && r.PresentError == "" {
		r.Done = true
		r.remark("the record is as it should be, but mail does not pass: something that it leads to is faulty or slow")
	}
	return s, fit
}

// fresh makes a first record. It must not make suspects of those who send now.
func (k task) fresh(r *Record, w wantedSPF, ours []record.Term) record.SPF {
	terms := slices.Clone(ours)
	if !w.mail {
		return record.SPF{Terms: append(terms, term(w.end))}
	}
	answer, err := k.dns.To(w.name.String(), dns.TypeMX)
	if err == nil && slices.ContainsFunc(answer.Hosts(), func(host string) bool { return host != "" }) {
		terms = append(terms, term("mx"))
		r.remark("there is no SPF record yet; mx names the servers that receive mail for the domain; remove it if they send none")
	}
	r.remark("before you publish this, add everything else that sends mail as " + w.name.Unicode() + ": receivers distrust hosts that it does not name")
	return record.SPF{Terms: append(terms, term(w.end))}
}

// judgeSPF says what is unwise about the record.
func (r *Record) judgeSPF(s record.SPF, lookUps int) {
	all, ended := s.All()
	_, redirects := s.Redirect()
	switch {
	case ended && all.Qualifier == '?':
		r.remark("it has ?all, which says nothing about hosts that are not named; ~all is better")
	case !ended && !redirects:
		r.remark("it has no all, so it says nothing about hosts that are not named; ~all at its end is better")
	}
	if lookUps > maxLookUps {
		r.remark(fmt.Sprintf("it needs %s DNS lookups, and receivers stop at %d: hosts named near its end are not found; remove what is no longer used", atMost(lookUps), maxLookUps))
	}
	if n := len(s.String()); n > maxOctets {
		r.remark(fmt.Sprintf("it has %d bytes, and more than %d may be lost on the way; remove what is no longer used, or name networks instead of addresses", n, maxOctets))
	}
}

// atMost prints a count that ends at maxWalk.
func atMost(n int) string {
	if n >= maxWalk {
		return fmt.Sprintf("%d or more", maxWalk)
	}
	return fmt.Sprint(n)
}
