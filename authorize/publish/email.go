package publish

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"

	"onbehalf/keys"
)

//go:embed letter/*.tmpl
var letterFiles embed.FS

var letterTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"clean":    clean,
	"sentence": sentence,
	"list":     listOf,
	"any":      func(items any) string { return strings.Join(named(items), " or ") },
	"words":    func(items any) string { return strings.Join(named(items), " ") },
	"comma":    func(items any) string { return strings.Join(named(items), ",") },
	"is":       func(items any) string { return numbered(items, "is", "are") },
	"it":       func(items any) string { return numbered(items, "it", "them") },
	"ps":       func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
}).ParseFS(letterFiles, "letter/*.tmpl"))

// Letter writes the sheet for the DNS administrator who is to publish it, ready to be
// mailed.
func (s Sheet) Letter(w io.Writer) {
	var text strings.Builder
	if err := letterTemplates.ExecuteTemplate(&text, "letter.tmpl", letterView{s}); err != nil {
		fmt.Fprintln(&text, "This letter could not be written:", err)
	}
	prose(w, text.String())
}

// Postpone says why the letter must not be mailed yet, and what to do first; empty: it may. What
// cannot be published is not asked for, nor an alias that leads to nothing.
func (s Sheet) Postpone() string {
	if len(s.Absent) > 0 {
		return absentText(s.Absent[0])
	}
	for _, r := range s.Records {
		if r.Type == "CNAME" && !r.Done && slices.Contains(s.Unready, r.Value) {
			return fmt.Sprintf("%s would be an alias of %s, where no key is published yet: publish that first, as onbehalf dns shows; or take the letter with the keys themselves, by --txt", r.Name, r.Value)
		}
	}
	return ""
}

// letterView is what the template of the letter asks for.
type letterView struct{ Sheet }

func (v letterView) By() string    { return clean(v.Sheet.By) }
func (v letterView) Title() string { return clean(v.Sheet.Title) }

func (v letterView) Subject() string {
	switch {
	case v.Tenant == "":
		return "DNS records for the mail of " + v.By()
	case v.Allow != nil:
		return fmt.Sprintf("DNS records and mail server settings for mail that %s sends for %s", v.By(), v.Title())
	}
	return fmt.Sprintf("DNS records for mail that %s sends for %s", v.By(), v.Title())
}

// Finished reports whether all records are there.
func (v letterView) Finished() bool { return v.count("done") == len(v.Records) }

// HostList says where the mail comes from, for those who want to know whom they let in.
func (v letterView) HostList() string {
	const most = 8
	var hosts []string
	for _, ip := range v.Hosts[:min(len(v.Hosts), most)] {
		hosts = append(hosts, ip.Unmap().String())
	}
	if len(v.Hosts) > most {
		hosts = append(hosts, fmt.Sprintf("and %d more", len(v.Hosts)-most))
	}
	return list(hosts)
}

// Todo are the records to publish.
func (v letterView) Todo() []recordView {
	return views(v.Records, func(r Record) bool { return !r.Done && !r.Unasked && !(r.Optional && r.Value == "") })
}

// Asked are the records to ask for when all is published.
func (v letterView) Asked() []Record {
	return slices.DeleteFunc(slices.Clone(v.Records), func(r Record) bool { return r.Done || r.Unasked })
}

func (v letterView) Published() []recordView {
	return views(v.Records, func(r Record) bool { return r.Done })
}

func (v letterView) EachBelow() []recordView {
	return views(v.Below, func(Record) bool { return true })
}

func (v letterView) Direct() directView { return directView{v.Allow, v.Sheet} }

// recordView is a record in the letter, and its place in a list of them.
type recordView struct {
	Record
	Number int
}

func views(records []Record, wanted func(Record) bool) (all []recordView) {
	for _, r := range records {
		if wanted(r) {
			all = append(all, recordView{r, len(all) + 1})
		}
	}
	return all
}

var titles = map[Purpose]string{
	SPF:     "SPF: who may send",
	DKIM:    "DKIM: the key that mail is signed with",
	Bounces: "Bounces: where undeliverable mail comes back to",
	Replies: "Replies: where answers come to",
	DMARC:   "DMARC: a policy for receivers",
}

func (v recordView) Heading() string { return titles[v.Purpose] }
func (v recordView) Data() string    { return v.data() }
func (v recordView) Length() int     { return len(v.Value) }

// Place is the name at which the record must stand, as the forms of a DNS program want it.
func (v recordView) Place() string { return clean(cmp.Or(v.At, v.Relative)) }

func (v recordView) FullName() string {
	if v.At != "" {
		return clean(v.Name + " is an alias of it")
	}
	return clean(v.Name)
}

func (v recordView) Now() (all []string) {
	for _, text := range v.Present {
		all = append(all, shown(text))
	}
	return all
}

// Replaces reports whether it takes the place of SPF records.
func (v recordView) Replaces() bool { return v.Purpose == SPF && len(v.Present) > 0 && v.Value != "" }

// Others are the records to publish when this one cannot be.
func (v recordView) Others() (all []recordView) {
	for _, other := range v.Instead {
		other.Present = v.Present
		all = append(all, recordView{Record: other})
	}
	return all
}

// Strings shows a text that is longer than a string of DNS as the strings that it is, for the
// forms that want those.
func (v recordView) Strings() string {
	parts := keys.Strings(v.Value)
	if v.Type != "TXT" || len(parts) == 1 {
		return ""
	}
	return strings.Join(parts, " ")
}

// sentence returns a remark with a capital letter and a full stop, unless it begins with
// something that stands for itself.
func sentence(text string) string {
	text = clean(text)
	first, _, _ := strings.Cut(text, " ")
	if strings.ToLower(first) == first && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" && first != "mx" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}
