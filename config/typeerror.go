package config

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"onbehalf/tenant"
)

// What a value is and what it should have been, in words.

// what returns, in words, what a node is that is not of the kind wanted.
func (s *schema) what(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

func (s *schema) wanted(n *yaml.Node) string {
	switch s.kind {
	case record:
		return "write a mapping with keys like " + s.order[0] + ": ..."
	case list:
		if s.elem.kind == record && n.Kind == yaml.MappingNode && len(n.Content) > 0 {
			return "write a list: " + missingDash(n.Content[0].Value, n.Content[0].Line)
		}
		if n.Kind == yaml.ScalarNode && s.elem.kind == record {
			return "write a list: " + s.elem.example(n.Value)
		}
		if n.Kind == yaml.ScalarNode && s.elem.kind == text {
			return "write a list: [" + bare(n.Value) + "]"
		}
		return "write a list: [first, second]"
	case truth:
		return "write true or false"
	}
	return "write a single value"
}

// example returns a list of one record that has a value at the key that it most likely is for.
func (s *schema) example(value string) string {
	if s.keys["selector"] != nil { // dkim: school.pem
		return "[{selector: s1, key: " + bare(value) + "}]"
	}
	return "[{" + s.order[0] + ": ..., ...}]"
}

// typeError returns, in words, what YAML has read a scalar as.
func (s *schema) typeError(path string, n *yaml.Node, tag string) string {
	shown := Quoted(n.Value)
	switch {
	case isSecret(path):
		shown = "it"
	case tag != "!!str":
		shown = bare(n.Value)
	}
	switch {
	case s.kind == truth:
		return shown + " is not true or false"
	case s.kind == number && tag == "!!int":
		return shown + " is not the number in YAML that it looks like"
	case s.kind == number:
		return shown + " is not a whole number"
	case tag == "!!bool":
		return shown + " is read as true or false, not as text"
	case tag == "!!int", tag == "!!float":
		return shown + " is read as a number, not as text"
	case tag == "!!timestamp":
		return shown + " is read as a date, not as text"
	}
	return "is of the YAML type " + Quoted(tag) + ", not text"
}

func (s *schema) remedy(path string, n *yaml.Node) string {
	switch {
	case s.kind == truth:
		return "write true or false, without quotes"
	case s.kind == number && n.ShortTag() == "!!int":
		return "write it as a decimal number without leading zeros"
	case s.kind == number:
		return "write digits only, without quotes"
	case isSecret(path):
		return "quote it"
	}
	return "quote it: " + Quoted(n.Value)
}

// isSecret reports whether a value may be a secret that someone took for the name of
// its file. Such a value is not shown.
func isSecret(path string) bool { return path == "srs.secrets" }

// nearest returns which key was probably meant.
func (s *schema) nearest(key string) string {
	if best := near(key, s.order); best != "" {
		return "did you mean " + best + "?"
	}
	return "known here: " + strings.Join(s.order, ", ")
}

// near returns the word that is nearest to what was written, or "" when none is close.
func near(written string, words []string) string {
	written = strings.ToLower(written)
	best, least := "", 2+len(written)/6
	if len(written) > 60 {
		return ""
	}
	for _, word := range words {
		if far := tenant.Distance(written, word); far < least+1 && far < len(word) {
			best, least = word, far-1
		}
	}
	return best
}
