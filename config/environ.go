package config

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// envPrefix begins the variables that win over the main file.
const envPrefix = "ONBEHALF_"

// variables returns for each variable the key that it sets: every key of the main
// file that holds no other keys, save tenants.
func (s *schema) variables() map[string]string {
	keys := make(map[string]string)
	s.eachLeaf("", func(key string) {
		if key != "tenants" {
			keys[envPrefix+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
		}
	})
	return keys
}

func (s *schema) eachLeaf(path string, visit func(key string)) {
	for _, key := range s.order {
		if inner := s.keys[key]; inner.kind == record {
			inner.eachLeaf(path+key+".", visit)
		} else {
			visit(path + key)
		}
	}
}

// at returns the schema of a key.
func (s *schema) at(key string) *schema {
	for step := range strings.SplitSeq(key, ".") {
		s = s.keys[step]
	}
	return s
}

// environ returns the values that the environment sets, by key.
func (s *schema) environ(d *document, env []string) map[string]any {
	values := make(map[string]any)
	known := s.variables()
	for _, entry := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		key, found := known[name]
		if !found {
			d.unknownVariable(name, known)
			continue
		}
		d.override(key, name)
		if v, ok := s.at(key).parse(d, key, value); ok {
			values[key] = v
		}
	}
	return values
}

func (d *document) unknownVariable(name string, known map[string]string) {
	if d.isFull(Warning) {
		d.counts[Warning]++
		return
	}
	remedy := "unset it"
	names := make([]string, 0, len(known))
	for one := range known {
		names = append(names, strings.ToLower(one))
	}
	slices.Sort(names)
	if best := near(name, names); best != "" {
		remedy = "did you mean " + strings.ToUpper(best) + "?"
	}
	if name == envPrefix+"TENANTS" {
		remedy = "write tenants into a file"
	}
	d.add(Finding{Level: Warning, File: environment, Key: name,
		Cause: "is not a known variable", Remedy: remedy, at: position{file: d.rank + 1}})
}

// parse reads the text of a variable: as it stands where a key takes text, as YAML
// where it takes something else. A list may also be words with commas or spaces between.
func (s *schema) parse(d *document, key, value string) (any, bool) {
	switch {
	case s.kind == text, s.kind == blank, s.kind == span:
		return s.read(d, key, textNode(value))
	case s.kind == list && s.elem.kind == text && !isFlow(value):
		return s.read(d, key, words(value))
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(value), &n); err != nil || len(n.Content) == 0 {
		d.spoil(key, &n, "its value is not YAML", "write it as in the main file, on one line: "+s.sample())
		return nil, false
	}
	return s.read(d, key, n.Content[0])
}

func (s *schema) sample() string {
	switch {
	case s.kind == list && s.elem.kind == record:
		return "[{selector: s1, key: s1.pem}]"
	case s.kind == list:
		return "[first, second]"
	case s.kind == truth:
		return "true"
	}
	return "50"
}

func isFlow(value string) bool {
	value = strings.TrimSpace(value)
	return strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]")
}

func words(value string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		n.Content = append(n.Content, textNode(word))
	}
	return n
}

func textNode(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}
