package config

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"onbehalf/remedy"
)

// oddCharacter finds a character that word processors put into names, and that looks like none
// of the name: IDNA takes a curly quotation mark for part of a label. Those that RFC 5892
// appendix A allows between letters are none.
func oddCharacter(s string) error {
	for _, r := range s {
		if r >= utf8.RuneSelf && !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number) && !strings.ContainsRune("·・׳״\u200c\u200d", r) {
			return remedy.New("type it with plain ASCII quotation marks and hyphens, or with none", "%s holds %s, which no name has", quoted(s), strconv.QuoteRune(r))
		}
	}
	return nil
}
