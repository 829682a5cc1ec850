package setup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"onbehalf/config"
)

// Wrong is what is wrong with answers.
type Wrong []Fault

// Fault is what is wrong with one.
type Fault struct{ Flag, Text string }

// Error names the flags.
func (w Wrong) Error() string {
	var all []string
	for _, f := range w {
		all = append(all, "--"+f.Flag+": "+f.Text)
	}
	return strings.Join(all, "\n  ")
}

// try loads the configuration that the answers make, in a folder of no consequence,
// without any environment. The keys are not looked at.
func try(a Answers) (*config.Config, config.Findings) {
	broken := func(err error) (*config.Config, config.Findings) {
		return nil, config.Findings{{Cause: err.Error(), Remedy: "answers are tried out there"}}
	}
	folder, err := os.MkdirTemp("", "onbehalf-setup-")
	if err != nil {
		return broken(err)
	}
	defer os.RemoveAll(folder)
	p, err := PathsOf(filepath.Join(folder, "onbehalf.yaml"), "")
	if err != nil {
		return broken(err)
	}
	for path, text := range map[string]string{p.Config: p.Text(a), p.Secrets: "only to try the answers out"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return broken(err)
		}
	}
	if err := os.Mkdir(p.Tenants, 0o700); err != nil {
		return broken(err)
	}
	return config.Load(p.Config, nil)
}

// Check returns what is wrong with whole answers, and what is only worth a warning.
func (a Answers) Check() (wrong Wrong, warnings []string) {
	_, findings := try(a)
	for _, q := range questions {
		_, w := a.about(q, findings)
		warnings = append(warnings, w...)
	}
	return a.faults(findings), warnings
}

func (a Answers) faults(findings config.Findings) (wrong Wrong) {
	for _, q := range questions {
		texts, _ := a.about(q, findings)
		if len(wrong) > 0 && wrong[len(wrong)-1].Flag == "domain" && strings.HasSuffix(q.get(a), a.Domain) {
			continue // it is made of the domain, and said with it
		}
		for _, text := range texts {
			wrong = append(wrong, Fault{q.Flag, text})
		}
	}
	if len(wrong) == 0 && findings.Fatal() { // about no answer
		i := slices.IndexFunc(findings, func(f config.Finding) bool { return f.Level == config.Error })
		wrong = append(wrong, Fault{"config", findings[i].String()})
	}
	return wrong
}

// about picks what was found about one answer, and adds what only a set-up minds.
func (a Answers) about(q question, findings config.Findings) (wrong, warnings []string) {
	value := q.get(a)
	switch {
	case strings.ContainsFunc(value, unicode.IsControl) || strings.TrimSpace(value) != value:
		return []string{fmt.Sprintf("%q has spaces around it or characters that do not print; leave them out", value)}, nil
	case q.Flag == "selector" && len(a.Selectors) != 2:
		return []string{fmt.Sprintf("%q is not two names; give one for the RSA key and one for the Ed25519 key, like ob1, ob2", value)}, nil
	}
	for _, f := range findings {
		if f.Key != q.Key && !strings.HasPrefix(f.Key, q.Key+"[") {
			continue
		}
		text := f.Cause
		if f.Remedy != "" {
			text += "; " + f.Remedy
		}
		if f.Level == config.Warning {
			warnings = append(warnings, text)
		} else {
			wrong = append(wrong, text)
		}
	}
	return wrong, warnings
}
