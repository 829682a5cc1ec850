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
)

// Place is where a configuration lies, and what belongs to it. All paths are
// absolute.
type Place struct {
	Config, Keys, Tenants, Secrets string
	Sockets                        string // folder that Postfix reaches
}

// Queue is where Postfix has its queue unless it says otherwise.
const Queue = "/var/spool/postfix"

// PlaceOf puts everything beside the configuration, as the package has it. Queue is the
// queue directory of Postfix, empty meaning the usual one.
func PlaceOf(config, queue string) (Place, error) {
	if queue == "" {
		queue = Queue
	}
	config, err := filepath.Abs(config)
	if err != nil {
		return Place{}, err
	}
	folder := filepath.Dir(config)
	return Place{
		Config: config, Keys: filepath.Join(folder, "keys"), Tenants: filepath.Join(folder, "tenants.d"),
		Secrets: filepath.Join(folder, "srs.secrets"), Sockets: filepath.Join(queue, "onbehalf"),
	}, nil
}

// keyNames gives the names of the key files, as keygen makes them.
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

// Text gives the configuration that the answers make.
func (p Place) Text(a Answers) string {
	type key struct{ Selector, File string }
	view := struct {
		Place
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
