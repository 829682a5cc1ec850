package print

import (
	"cmp"
	"io"
	"strings"
	"time"

	"onbehalf/receivers"
	"onbehalf/store"
	"onbehalf/term"
)

// History prints a page of what happened, each with its time and the zone of that. Where it is of
// one tenant, its id is left out.
func History(out io.Writer, page []store.Entry, ofTenant bool) {
	p := printer{term.New(out), time.Now()}
	for _, e := range page {
		words := []string{e.At.Local().Format("2006-01-02 15:04:05 -0700")}
		if !ofTenant {
			words = append(words, whose(e))
		}
		p.Line("%s  %s", strings.Join(words, "  "), happened(e))
		if e.Text != "" {
			p.below(4, "%s", e.Text)
		}
	}
}

func whose(e store.Entry) string {
	if e.Tenant == "" && e.Kind == store.KindStart {
		return "(daemon)"
	}
	return owner(e.Tenant)
}

// happened says it in a line.
func happened(e store.Entry) string {
	switch e.Kind {
	case store.KindStanding:
		return e.Subject + " of " + unicodeOf(e.Domain) + ": " + word(e.Subject, e.Before) + " -> " + word(e.Subject, e.After)
	case store.KindOwnership:
		return "direct delivery to " + unicodeOf(e.Domain) + ": " + cmp.Or(e.Before, notKnown) + " -> " + e.After
	case store.KindKey:
		return "key " + e.Subject + ": " + keyChange(e)
	case store.KindFirstMail:
		return "first mail"
	case store.KindDisagreement:
		return receivers.AtReceiver(e.Subject) + " disagree with DNS as this host sees it, about mail of " + unicodeOf(e.Domain)
	case store.KindStart:
		return "started, version " + e.After
	}
	return configured(e)
}

func keyChange(e store.Entry) string {
	switch {
	case e.Before == "":
		return "added, fingerprint " + e.After
	case e.After == "":
		return "removed"
	}
	return "replaced, fingerprint " + e.Before + " -> " + e.After
}

// configured says what has changed in the configuration.
func configured(e store.Entry) string {
	switch {
	case e.Subject == "tenant" && e.Before == "":
		return "tenant added to the configuration"
	case e.Subject == "tenant":
		return "tenant removed from the configuration"
	case e.Before == "" && e.After == "":
		return "configuration: " + e.Subject
	}
	return "configuration: " + e.Subject + ": " + cmp.Or(e.Before, "(none)") + " -> " + cmp.Or(e.After, "(none)")
}
