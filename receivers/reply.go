package receivers

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Reply is what a server, or Postfix itself, says of a message.
type Reply struct {
	// Host said it: the relay= of a log line, the Remote-MTA of a notification (or its
	// Reporting-MTA, when the notification comes from another host), or a bare name. Empty or
	// "none": this host itself.
	Host string
	// Status is the dsn= of a log line or the Status of a notification, such as 4.7.5. It
	// counts only where the lines say nothing that is known. Empty: there is none.
	Status string
	Lines  []Line // as they were given, the last one last

	Refused  bool // at the connection, before any command: "refused to talk to me"
	Repeated bool // Postfix repeats an earlier reply, perhaps to another message
}

// Line is one line of a reply.
type Line struct {
	Code     int    // 550; 0: none, so that no server said it
	Enhanced string // 5.7.26; empty: none
	Text     string // without codes; a stranger's words, to be cleaned before a terminal sees them
}

// longest is how much of a reply is read, in bytes. RFC 5321 section 4.5.3.1.5 has 512 for a
// line; Postfix logs 2,000.
const longest = 16 << 10

var (
	typed    = regexp.MustCompile(`^(?i:smtp|lmtp|x-[a-z0-9-]+); ?`) // RFC 3464 section 2.3.6
	quoted   = regexp.MustCompile(`^host ([^\s\[]+)\[[^\]]*\](?::[0-9]+)? (said|refused to talk to me): `)
	returned = regexp.MustCompile(`^(?i:remote server returned) '`)
	stage    = regexp.MustCompile(`(?: ?\(in reply to [^()]*\))+$`)
	leading  = regexp.MustCompile(`^#?([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ :;,-]+|$)`)
	trailing = regexp.MustCompile(`\(#?([245]\.[0-9]{1,3}\.[0-9]{1,3})\)$`)
)

// ParseReply reads the reply of a server as it came, the words between the brackets of a log
// line of Postfix, or the Diagnostic-Code of a notification; of many lines, joined or not.
// Anything can be parsed: text without a code is one line with Code 0.
func ParseReply(text string) Reply {
	text = text[:min(len(text), longest)]
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	text = typed.ReplaceAllString(text, "")
	text = stage.ReplaceAllString(text, "")
	var r Reply
	text, r.Repeated = strings.CutPrefix(text, "delivery temporarily suspended: ")
	if m := quoted.FindStringSubmatch(text); m != nil {
		r.Host, r.Refused = m[1], m[2] != "said"
		text = text[len(m[0]):]
	} else if lead := returned.FindString(text); lead != "" {
		text = strings.TrimSuffix(text[len(lead):], "'")
	}
	r.Lines = split(text)
	return r
}

// split takes the lines of a joined reply apart: "550-a 550-b 550 c" (RFC 5321 section 4.2.1).
func split(text string) []Line {
	code, more := codeOf(text)
	if code == "" {
		return []Line{lineOf(0, text)}
	}
	n, _ := strconv.Atoi(code)
	var lines []Line
	for text = after(text); more; {
		end := strings.Index(text, " "+code+"-")
		last := strings.Index(text+" ", " "+code+" ") // it may be a code alone
		if last >= 0 && (end < 0 || last < end) {
			end, more = last, false
		}
		if end < 0 { // the last line is missing
			break
		}
		lines = append(lines, lineOf(n, text[:end]))
		text = after(text[end+1:])
	}
	return append(lines, lineOf(n, text))
}

// codeOf returns the reply code that a text begins with, and reports whether a line follows.
func codeOf(text string) (code string, more bool) {
	if len(text) < 3 || text[0] < '2' || text[0] > '5' || !isDigit(text[1]) || !isDigit(text[2]) {
		return "", false
	}
	if len(text) > 3 && text[3] != ' ' && text[3] != '-' {
		return "", false
	}
	return text[:3], len(text) > 3 && text[3] == '-'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// after is what follows a code and the character behind it.
func after(text string) string { return text[min(len(text), len("550 ")):] }

func lineOf(code int, text string) Line {
	text = strings.TrimSpace(text)
	if m := leading.FindStringSubmatch(text); m != nil {
		return Line{code, m[1], strings.TrimSpace(text[len(m[0]):])}
	}
	if m := trailing.FindStringSubmatch(text); m != nil {
		return Line{code, m[1], strings.TrimLeft(text, " :;,-")} // as behind one that leads
	}
	return Line{code, "", text}
}

// String is the reply as Postfix would log it.
func (r Reply) String() string {
	var parts []string
	for i, l := range r.Lines {
		parts = append(parts, l.print(i < len(r.Lines)-1))
	}
	return strings.Join(parts, " ")
}

func (l Line) print(more bool) string {
	code := ""
	switch {
	case l.Code != 0 && more:
		code = fmt.Sprintf("%d-", l.Code)
	case l.Code != 0:
		code = fmt.Sprintf("%d ", l.Code)
	}
	return code + strings.TrimSpace(l.Enhanced+" "+l.Text)
}

// said reports whether a server said it, not Postfix by itself.
func (r Reply) said() bool {
	return slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Code != 0 })
}

// temporary reports whether the message may be tried again. Postfix tries again after a
// greeting of 5xx, too (smtp_skip_5xx_greeting).
func (r Reply) temporary() bool {
	if r.Refused {
		return true
	}
	if !r.said() {
		return strings.HasPrefix(r.Status, "4.")
	}
	return slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Code/100 == 4 })
}
