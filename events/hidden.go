package events

import (
	"html"
	"net/url"
	"strings"
)

// minSecret is how long a part of a URL is at least that can be a secret by itself, in bytes.
const minSecret = 6

// secretParts returns what a text must not show of a URL, in lower case: its path, each segment and
// each value of its query that is long enough, and the query; raw, and unescaped.
func secretParts(u *url.URL) (parts []string) {
	add := func(part string, least int) {
		if len(part) >= least {
			parts = append(parts, strings.ToLower(part))
		}
	}
	for _, path := range []string{u.EscapedPath(), u.Path} {
		path = strings.TrimRight(path, "/")
		add(path, 2)
		for segment := range strings.SplitSeq(path, "/") {
			add(segment, minSecret)
		}
	}
	add(u.RawQuery, 1)
	if query, err := url.QueryUnescape(u.RawQuery); err == nil {
		add(query, 1)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		add(value, minSecret)
		if value, err := url.QueryUnescape(value); err == nil {
			add(value, minSecret)
		}
	}
	return parts
}

// plainJSON undoes what JSON escapes of the characters of a URL.
var plainJSON = strings.NewReplacer(`\/`, "/", `\u002f`, "/", `\u0026`, "&", `\u003d`, "=", `\u003c`, "<", `\u003e`, ">", `\u0027`, "'", `\"`, `"`)

// repeats reports whether a text holds one of the parts, also escaped as HTML or JSON does.
func repeats(text string, parts []string) bool {
	text = strings.ToLower(text)
	for _, form := range []string{text, strings.ToLower(html.UnescapeString(text)), plainJSON.Replace(text)} {
		for _, part := range parts {
			if strings.Contains(form, part) {
				return true
			}
		}
	}
	return false
}
