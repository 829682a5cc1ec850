package rewrite

import (
	"strings"
	"unicode"

	"onbehalf/tenant"
)

// maxName bounds a display name, in characters. No mail program shows more.
const maxName = 100

// clipped returns a name of so many characters at most.
func clipped(name string, most int) string {
	for i := range name {
		if most--; most < 0 {
			return strings.TrimSpace(name[:i])
		}
	}
	return name
}

// visible removes from a name what a reader cannot see: control characters, format
// characters such as those that turn the direction of text, and all else that Unicode lets
// programs ignore. The joiners and variation selectors that scripts and emoji need stay, two
// in a row at most, behind a letter. What looks blank is a space, and runs of spaces become
// one: nothing pushes what stands behind it out of sight.
func visible(name string) string {
	ignored := maxIgnored // in a row so far
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Cc, r), strings.ContainsRune(blankLooking, r):
			ignored = maxIgnored
			return ' '
		case r == '\u200c', r == '\u200d', unicode.Is(unicode.Variation_Selector, r):
			if ignored++; ignored <= maxIgnored {
				return r
			}
			return -1
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point):
			return -1
		}
		ignored = 0
		return r
	}, name)
	return strings.Join(strings.Fields(name), " ")
}

// maxIgnored is how many joiners an emoji needs in a row: a variation selector and a joiner.
const maxIgnored = 2

// blankLooking are letters and symbols without ink: the empty Braille pattern, the fillers of
// Hangul, a musical null note head.
const blankLooking = "\u2800\u115f\u1160\u3164\uffa0\U0001d159"

// withoutAddresses removes from a name, besides what visible removes, each address, with
// at signs and dots of any width, and what its removal leaves behind: empty brackets and
// quotes, and separators at the ends. A word with an at sign that is no address stays, as
// in "Learn@Work".
func withoutAddresses(name string) string {
	name = clipped(visible(name), 10*maxName)
	if stripped := stripAddresses(name); stripped != name {
		name = strings.Trim(closeGaps(stripped), " ,;:-–—|/<>")
	}
	return clipped(name, maxName)
}

const (
	atSigns = "@\uff20\ufe6b"
	dots    = ".\u3002\uff0e\uff61"
)

// stripAddresses removes words around an at sign with a dot within the right one.
func stripAddresses(name string) string {
	if !strings.ContainsAny(name, atSigns) {
		return name
	}
	runes := []rune(name)
	var kept []rune
	for i := 0; i < len(runes); {
		if strings.ContainsRune(atSigns, runes[i]) {
			start, end := len(kept), i+1
			for start > 0 && inLocal(kept[start-1]) {
				start--
			}
			for end < len(runes) && inDomain(runes[end]) {
				end++
			}
			if start < len(kept) && kept[start] == '\'' { // a quote, not part of the name
				start++
			}
			if host := strings.Trim(string(runes[i+1:end]), dots); start < len(kept) && strings.ContainsAny(host, dots) {
				kept, i = kept[:start], end
				continue
			}
		}
		kept = append(kept, runes[i])
		i++
	}
	return string(kept)
}

func inLocal(r rune) bool { return r != ' ' && !strings.ContainsRune(`,;:<>()[]{}"`, r) }

func inDomain(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) || strings.ContainsRune("-_"+dots, r)
}

// closeGaps removes brackets and quotes with nothing between them.
func closeGaps(name string) string {
	for before := ""; before != name; {
		before = name
		name = gaps.Replace(strings.Join(strings.Fields(name), " "))
	}
	return name
}

var gaps = strings.NewReplacer(
	"( ", "(", " )", ")", "[ ", "[", " ]", "]", "< ", "<", " >", ">",
	"()", "", "[]", "", "{}", "", "<>", "", `""`, "", "''", "",
)

// fillPattern puts an author's name into the pattern that says on whose behalf it is sent, unless
// the name says so already.
func fillPattern(name string, pattern tenant.Template, value func(placeholder string) string) string {
	const gap = "\x00"
	before, behind, _ := strings.Cut(pattern.Expand(func(placeholder string) string {
		if placeholder == "name" {
			return gap
		}
		return value(placeholder)
	}), gap)
	if len(name) > len(before)+len(behind) && strings.HasPrefix(name, before) && strings.HasSuffix(name, behind) {
		return name
	}
	return pattern.Expand(func(placeholder string) string {
		if placeholder == "name" {
			return name
		}
		return value(placeholder)
	})
}
