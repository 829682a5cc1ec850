package postfix

import (
	"fmt"
	"slices"
	"strings"
)

// A content filter gets mail after it was taken and signed, and hands it back to an smtpd of its
// own (FILTER_README). A before-queue filter (SMTPD_PROXY_README) stands between two of them, and
// the first one shows milters no message.

// atHome reports whether a service is one that only this host reaches: 127.0.0.1:10025/inet.
func atHome(service string) bool {
	address, inet := strings.CutSuffix(service, "/inet")
	return inet && loopback("inet:"+address)
}

// entries are services by which mail of others comes, whatever settings of their own they have.
var entries = []string{"smtp/inet", "25/inet", "submission/inet", "587/inet", "smtps/inet", "submissions/inet", "465/inet"}

// behind returns the services to which a filter hands mail back, where a setting names one: those
// that have no filter themselves, because mail would go in a circle.
func (c Configuration) behind(setting string) []Service {
	if !slices.ContainsFunc(c.places(setting, entrances...), func(p place) bool { return p.value != "" }) {
		return nil
	}
	return slices.DeleteFunc(c.Services("smtpd"), func(s Service) bool {
		value, own := c.Of(s.Name, setting)
		return value != "" || !atHome(s.Name) && (!own || slices.Contains(entries, s.Name))
	})
}

// takesBack reports whether a filter hands mail back to a service.
func (c Configuration) takesBack(service string) bool {
	all := append(c.behind("content_filter"), c.behind("smtpd_proxy_filter")...)
	return slices.ContainsFunc(all, func(s Service) bool { return s.Name == service })
}

// callsUs reports whether an smtpd shows us its mail.
func (c Configuration) callsUs(service string, w Wanted) bool {
	milters, _ := c.Of(service, "smtpd_milters")
	options, _ := c.Of(service, "receive_override_options")
	return c.listCalls(milters, w) && !slices.Contains(words(options), "no_milters")
}

// filterFindings judges filters and where they hand mail back.
func (c Configuration) filterFindings(w Wanted) []Finding {
	var all []Finding
	for _, p := range c.places("content_filter", entrances...) {
		if p.value != "" {
			all = append(all, c.contentFilter(p, w)...)
		}
	}
	for _, p := range c.places("smtpd_proxy_filter", "smtpd") {
		if p.value != "" {
			all = append(all, c.proxyFilter(p, w)...)
		}
	}
	return all
}

// contentFilter finds an smtpd behind a filter that has onbehalf look at all mail again.
func (c Configuration) contentFilter(p place, w Wanted) []Finding {
	what := p.has() + "content_filter = " + p.value
	transport, _, _ := strings.Cut(p.value, ":")
	if slices.ContainsFunc(c.Services("pipe"), func(s Service) bool { return s.Name == transport+"/unix" }) {
		return []Finding{{Level: Warning, What: what + ", a pipe(8), which hands mail back by sendmail",
			Why: "the mail comes to onbehalf again, as mail of a local program; and what the filter changes in it breaks the signature",
			Fix: "have the filter hand mail back by SMTP, to an smtpd with no_milters (postfix.example.cf); better is a milter, named before onbehalf"}}
	}
	behind := c.behind("content_filter")
	if len(behind) == 0 {
		return []Finding{{Level: Warning, What: what + ", and master.cf has no smtpd where this filter hands mail back",
			Why: "where it hands mail back is not known, nor whether onbehalf is called a second time",
			Fix: "make sure that mail which the filter hands back meets no milters, see master.cf in postfix.example.cf"}}
	}
	first := c.Calls("smtpd_milters", w)
	if p.service != "" {
		first = c.callsUs(p.service, w)
	}
	var all []Finding
	for _, s := range behind {
		if !first || !c.callsUs(s.Name, w) {
			continue
		}
		options, _ := c.Of(s.Name, "receive_override_options")
		all = append(all, Finding{Level: Error, What: fmt.Sprintf("%s, and %s takes mail back without no_milters", what, s.Name),
			Why:      "onbehalf decides about each message twice: what the filter has changed is signed or rewritten a second time, and bounces are looked up again",
			Fix:      "switch milters off at " + s.Name,
			Commands: []string{place{service: s.Name}.line("receive_override_options", strings.Join(append(words(options), "no_milters"), ",")), reload}})
	}
	return all
}

// proxyFilter finds mail of which no smtpd shows us more than the envelope.
func (c Configuration) proxyFilter(p place, w Wanted) []Finding {
	behind := c.behind("smtpd_proxy_filter")
	wrong := slices.IndexFunc(behind, func(s Service) bool { return !c.callsUs(s.Name, w) })
	if len(behind) > 0 && wrong < 0 {
		return nil
	}
	f := Finding{Level: Error, What: p.has() + "smtpd_proxy_filter = " + p.value,
		Why: "before such a filter smtpd shows milters the envelope and no message, so onbehalf neither signs nor rewrites",
		Fix: "call onbehalf at the smtpd to which the filter hands mail, and let the filter keep the Received field of the first smtpd"}
	if len(behind) == 0 {
		return []Finding{f}
	}
	at := place{service: behind[wrong].Name}
	f.Why += "; and " + at.service + ", to which the filter hands mail, does not call it either"
	f.Fix = "call onbehalf at " + at.service + ", and let the filter keep the Received field of the first smtpd"
	if milters, _ := c.Of(at.service, "smtpd_milters"); !c.listCalls(milters, w) {
		f.Commands = append(f.Commands, at.line("smtpd_milters", extend(milters, c.Name(w.Milter))))
	}
	if options, own := c.override(at.service, "receive_override_options"); own && hasNoMilters(place{value: options}) {
		f.Commands = append(f.Commands, at.line("receive_override_options", withoutNoMilters(place{value: options})))
	}
	f.Commands = append(f.Commands, reload)
	return []Finding{f}
}
