package publish

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"onbehalf/authorize/record"
)

// version begins an SPF record.
const version = "v=spf1"

// versionTyped is version with what is typed or pasted before, in and behind it.
var versionTyped = regexp.MustCompile(`(?i)v *[=:] *spf *1|^spf *1`)

// recovered reads the strings of a text that was meant to be an SPF record, and that receivers do
// not take for one.
func recovered(parts ...string) (string, bool) {
	var unquoted []string
	for _, part := range parts {
		part = strings.ReplaceAll(spaced(part), `" "`, `"`)
		unquoted = append(unquoted, strings.FieldsFunc(part, func(r rune) bool { return r == '"' })...)
	}
	return choose(unquoted)
}

// choose joins the strings of a TXT record: as receivers do, with nothing between them; where
// more can be read with spaces between them, with those, which were forgotten.
func choose(parts []string) (string, bool) {
	joined, ok := begun(strings.Join(parts, ""))
	if len(parts) < 2 {
		return joined, ok
	}
	apart, good := begun(strings.Join(parts, " "))
	if good && (!ok || readRecord(apart).better(readRecord(joined))) {
		return apart, true
	}
	return joined, ok
}

// better reports whether less is left out of a reading than of another, or changed in it.
func (r reading) better(other reading) bool {
	return r.lost < other.lost || r.lost == other.lost && len(r.remarks) < len(other.remarks)
}

// begun returns the text from its version on, with that as receivers want it. Another version
// (v=spf10, v=spf1.1) is none.
func begun(text string) (string, bool) {
	text = spaced(text)
	if record.IsSPF(text) {
		return text, true
	}
	text = asTyped(strings.TrimLeft(text, " '`\\"))
	at := versionTyped.FindStringIndex(text)
	if at == nil {
		return text, false
	}
	rest := strings.TrimLeft(text[at[1]:], " ")
	if glued := rest != "" && len(rest) == len(text)-at[1]; glued && (rest[0] == '.' || '0' <= rest[0] && rest[0] <= '9') {
		return text, false
	}
	return strings.TrimSpace(version + " " + strings.TrimLeft(rest, ` "'\:;,=`)), true
}

// spaced returns a text in UTF-8, where it is in Windows-1252, with plain spaces for those of other
// kinds. What has no width goes: people do not know that it is there.
func spaced(text string) string {
	if !utf8.ValidString(text) {
		text, _ = charmap.Windows1252.NewDecoder().String(text) // each octet is a character
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text))
}

// mojibake is what a dash in UTF-8 looks like when it was read as Windows-1252.
var mojibake = strings.NewReplacer("â€“", "-", "â€”", "-")

// asTyped undoes what word processors make of the characters that a record has.
func asTyped(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case unicode.Is(unicode.Pd, r), strings.ContainsRune("−⁃˗", r):
			return '-'
		case strings.ContainsRune("∼˜～〜", r):
			return '~'
		case strings.ContainsRune("：∶", r):
			return ':'
		case unicode.Is(unicode.Pi, r), unicode.Is(unicode.Pf, r), strings.ContainsRune("„‚″′", r):
			return '"'
		}
		return r
	}, mojibake.Replace(text))
}
