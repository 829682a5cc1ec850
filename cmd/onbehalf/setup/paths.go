package setup

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"onbehalf/message"
	"onbehalf/postfix"
)

// Paths are where a configuration lies, and what belongs to it. All are absolute.
type Paths struct {
	Config, Keys, Tenants, Secrets string
	Sockets                        string // folder that Postfix reaches
}

// PathsOf returns the paths beside the configuration, as the package has them. Queue is the
// queue directory of Postfix, empty meaning the usual one.
func PathsOf(config, queue string) (Paths, error) {
	if queue == "" {
		queue = postfix.DefaultQueue
	}
	config, err := filepath.Abs(config)
	if err != nil {
		return Paths{}, err
	}
	folder := filepath.Dir(config)
	return Paths{
		Config: config, Keys: filepath.Join(folder, "keys"), Tenants: filepath.Join(folder, "tenants.d"),
		Secrets: filepath.Join(folder, "srs.secrets"), Sockets: filepath.Join(queue, "onbehalf"),
	}, nil
}

// keyNames returns the names of the key files, as keygen makes them.
func keyNames(a Answers) []string {
	domain := a.Domain
	if d, err := message.ParseDomain(domain); err == nil {
		domain = d.String()
	}
	var names []string
	for _, selector := range a.Selectors {
		names = append(names, domain+"-"+selector+".pem")
	}
	return names
}

//go:embed onbehalf.yaml.tmpl
var written string

var page = template.Must(template.New("onbehalf.yaml").Funcs(template.FuncMap{"q": quote}).Parse(written))

// Text returns the configuration that the answers make.
func (p Paths) Text(a Answers) string {
	type key struct{ Selector, File string }
	view := struct {
		Paths
		Answers
		DKIM []key
	}{p, a, nil}
	for i, file := range keyNames(a) {
		view.DKIM = append(view.DKIM, key{a.Selectors[i], file})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		panic(err) // the page and the view are both ours
	}
	return b.String()
}

// plain are texts that stand in a YAML list without quotes, as far as letters go.
var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._@+-]*(:/[A-Za-z0-9/._+-]+)?$`)

// quote writes a text so that YAML reads it as that text: not 2024 as a number, ::1 as
// a mapping or no as a truth. JSON's quoted text is YAML's.
func quote(text string) string {
	if bare(text) {
		return text
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(text)
	return strings.TrimSuffix(b.String(), "\n")
}

func bare(text string) bool {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Is4()
	}
	octets, err := yaml.Marshal(text) // quotes what older readers mistake, too
	return err == nil && plain.MatchString(text) && string(octets) == text+"\n"
}
