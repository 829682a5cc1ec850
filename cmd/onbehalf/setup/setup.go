// Package setup takes a mail host from an installed package to a configuration that
// works, and to a Postfix that calls it.
//
// Four things have to agree before a message leaves as it should: the configuration,
// the keys that it names, the records in DNS that hold their public halves, and some
// settings of Postfix. Whoever sets them by hand forgets one. So a few Answers are
// asked, and all four follow from them.
//
// What an administrator has made is never lost. A configuration is written only where
// there is none, or that of the package, unchanged; keys and secrets are made only where
// there are none; of Postfix only the settings that settings.go explains are changed, and
// what they held is kept beside what onbehalf needs. So a second run finds nothing to do.
//
// Answers are judged by package config itself: they are put into a configuration in
// a folder of no consequence, and what Load finds is what is wrong with them.
//
//	setup.go      the answers, and how they differ from a configuration that is there
//	questions.go  what is asked, and the defaults; host.go is where some come from
//	ask.go        the conversation
//	validate.go   what is wrong with answers
//	paths.go      where everything lies; the text of the configuration
//	existing.go   what is there already
//	files.go      folders, keys, secret and configuration, made
//	wanted.go     what Postfix has to know
//	postconf.go   Postfix's settings, shown and made
//	remove.go     the way back
//	next.go       the next steps, here and wherever they are printed
package setup

import (
	"cmp"
	"slices"
	"strings"

	"onbehalf/config"
)

// Answers are what has to be known. An empty one is not answered yet.
type Answers struct {
	Name, Domain, BounceDomain, From, BouncesTo string
	SendingIPs                                  []string
	Selectors                                   []string // of the RSA key, then of the Ed25519 key
	Trusted                                     []string // networks beside loopback, or NoNetwork
	SPFInclude                                  string   // or NoInclude
}

// AnswersOf returns the answers that a configuration stands for.
func AnswersOf(c *config.Config) Answers {
	p := c.Platform
	a := Answers{
		Name: p.Name, Domain: p.Domain.Unicode(), BounceDomain: p.Bounce.Unicode(),
		From: p.From.String() + "@" + p.FromDomain.Unicode(), BouncesTo: p.BouncesTo.String(),
		SPFInclude: cmp.Or(p.SPFInclude.String(), NoInclude),
	}
	for _, ip := range p.SendingIPs {
		a.SendingIPs = append(a.SendingIPs, ip.String())
	}
	for _, network := range p.Trust.Networks {
		if !slices.Contains(loopback, network) {
			a.Trusted = append(a.Trusted, network.String())
		}
	}
	if len(a.Trusted) == 0 {
		a.Trusted = []string{NoNetwork}
	}
	for _, key := range c.Keys {
		if key.Tenant == nil && len(key.Identities) > 0 {
			a.Selectors = append(a.Selectors, key.Identities[0].Selector)
		}
	}
	return a
}

// over returns these answers, with those of other where these are empty.
func (a Answers) over(other Answers) Answers {
	for _, q := range questions {
		if q.get(a) == "" {
			q.set(&a, q.get(other))
		}
	}
	return a
}

// Difference is one answer that is not what the configuration says.
type Difference struct{ Flag, Key, There, Given string }

// Differences compares the answers given with a configuration that is there; those that are
// not given agree. Other spellings of a name are not other names. The error says
// what is wrong with an answer.
func (a Answers) Differences(there Answers) ([]Difference, error) {
	whole := a
	if whole.Domain == "" {
		whole.Domain = there.Domain
	}
	whole = whole.stand(Host{}) // what is there may not go with what is given
	conf, findings := try(whole)
	if wrong := whole.faults(findings); len(wrong) > 0 {
		return nil, wrong
	}
	same := AnswersOf(conf)
	var all []Difference
	for _, q := range questions {
		if q.get(a) == "" || slices.Equal(sorted(q.get(same)), sorted(q.get(there))) {
			continue
		}
		all = append(all, Difference{q.Flag, q.Key, q.get(there), q.get(a)})
	}
	return all, nil
}

// sorted returns the items of a list, for which order does not count.
func sorted(list string) []string { return slices.Sorted(slices.Values(split(list))) }

func join(list []string) string { return strings.Join(list, ", ") }

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}
