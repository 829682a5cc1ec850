package config

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// kind is what a value of the configuration may be. There is no weak typing: a
// number is no text, a text is no list of one.
type kind int

const (
	text   kind = iota // YAML's !!str
	blank              // text, or nothing at all, which is the empty text
	truth              // true or false
	number             // an integer
	span               // a duration, a day or a size; YAML's type does not matter, for 30 gets its own error
	list
	record
)

// schema is what the types in raw.go allow, derived from them so that there is one
// truth.
type schema struct {
	kind  kind
	elem  *schema            // of a list
	keys  map[string]*schema // of a record
	order []string           // its keys as raw.go has them
}

func schemaOf(t reflect.Type) *schema {
	switch {
	case t == reflect.TypeFor[duration](), t == reflect.TypeFor[date](), t == reflect.TypeFor[size]():
		return &schema{kind: span}
	case t == reflect.TypeFor[switchable]():
		return &schema{kind: blank}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Bool:
		return &schema{kind: truth}
	case reflect.Int:
		return &schema{kind: number}
	case reflect.Slice:
		return &schema{kind: list, elem: schemaOf(t.Elem())}
	case reflect.Struct:
		return schemaOfRecord(t)
	}
	return &schema{kind: text}
}

func schemaOfRecord(t reflect.Type) *schema {
	s := &schema{kind: record, keys: make(map[string]*schema)}
	for field := range t.Fields() {
		if field.Anonymous {
			inner := schemaOfRecord(field.Type)
			maps.Copy(s.keys, inner.keys)
			s.order = append(s.order, inner.order...)
			continue
		}
		key := field.Tag.Get("yaml")
		s.keys[key] = schemaOf(field.Type)
		s.order = append(s.order, key)
	}
	return s
}

// fill sets a value of the schema's own type to what read gave.
func (s *schema) fill(to reflect.Value, from any) {
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	switch from := from.(type) {
	case map[string]any:
		for i, key := range s.order {
			if value, found := from[key]; found {
				s.keys[key].fill(to.Field(i), value)
			}
		}
	case []any:
		to.Set(reflect.MakeSlice(to.Type(), len(from), len(from)))
		for i, value := range from {
			s.elem.fill(to.Index(i), value)
		}
	case string:
		to.SetString(from)
	case bool:
		to.SetBool(from)
	case int:
		to.SetInt(int64(from))
	}
}

// read returns the value of a node as the schema wants it: string, bool, int, []any or
// map[string]any. What does not fit is reported and left out; false when that is
// all of it.
func (s *schema) read(d *document, path string, n *yaml.Node) (any, bool) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.spoil(path, n, "is a YAML alias", "write the value itself, aliases are not followed")
		return nil, false
	case isNull(n):
		return s.readNull(d, path, n)
	case s.kind == record:
		return s.readRecord(d, path, n)
	case s.kind == list:
		return s.readList(d, path, n)
	case n.Kind != yaml.ScalarNode:
		d.spoil(path, n, "is "+s.what(n), s.wanted(n))
		return nil, false
	}
	return s.readScalar(d, path, n)
}

func (s *schema) readNull(d *document, path string, n *yaml.Node) (any, bool) {
	switch s.kind {
	case blank:
		return "", true
	case list:
		d.spoil(path, n, "is empty", "write [] for none, or write the list")
	default:
		fix := "write a value, or remove the key"
		if strings.HasSuffix(path, "].id") {
			fix = "write an id like yourorg, in quotes if it is a word of YAML's: \"null\""
		}
		d.spoil(path, n, "is empty", fix)
	}
	return nil, false
}

func (s *schema) readRecord(d *document, path string, n *yaml.Node) (any, bool) {
	if n.Kind != yaml.MappingNode {
		d.spoil(path, n, "is "+s.what(n), s.wanted(n))
		return nil, false
	}
	if path == "" {
		d.schema = s
	}
	values := make(map[string]any, len(n.Content)/2)
	lines := make([]int, len(s.order)) // where each key of ours stands
	for i := 0; i+1 < len(n.Content); i += 2 {
		label, value := n.Content[i], n.Content[i+1]
		inner, known := s.keys[label.Value]
		if !known || label.Kind != yaml.ScalarNode {
			s.unknownKey(d, path, label, behindList(n, i))
			continue
		}
		at := join(path, label)
		before := &lines[slices.Index(s.order, label.Value)]
		if *before > 0 {
			fix := "keep one"
			if i > 0 && label.Value == n.Content[0].Value && strings.HasSuffix(path, "]") {
				fix += ", or " + missingDash(label.Value, label.Line)
			}
			d.spoil(at, label, "appears twice, in lines "+strconv.Itoa(*before)+" and "+strconv.Itoa(label.Line), fix)
			continue
		}
		*before = label.Line
		if v, ok := inner.read(d, at, value); ok {
			values[label.Value] = v
		}
	}
	return values, true
}

// behindList reports whether the key at a place in a mapping stands exactly below the dashes of the
// list before it.
func behindList(n *yaml.Node, i int) bool {
	return i >= 2 && n.Content[i-1].Kind == yaml.SequenceNode && n.Content[i-1].Style&yaml.FlowStyle == 0 &&
		n.Content[i-1].Column == n.Content[i].Column
}

func (s *schema) unknownKey(d *document, path string, label *yaml.Node, behindList bool) {
	if d.isFull(Error) { // and looking for a key like it takes long
		d.counts[Error]++
		return
	}
	fix := s.nearest(label.Value)
	if places := d.elsewhere(path, label.Value); behindList {
		fix = missingDash(label.Value, label.Line)
	} else if len(places) > 0 {
		fix = "did you mean " + strings.Join(places, " or ") + "?"
	}
	d.spoil(join(path, label), label, "there is no such key", fix)
}

// elsewhere returns where a key belongs that stands in a wrong place of the file, or of a tenant.
func (d *document) elsewhere(path, key string) []string {
	top := d.schema
	if strings.HasPrefix(path, "tenants[") {
		top = top.keys["tenants"].elem
	}
	var all []string
	for _, name := range top.order {
		if inner := top.keys[name]; inner.kind == record && inner.keys[key] != nil {
			all = append(all, name+"."+key)
		}
	}
	return all
}

// join returns the path of a key, spelled so that nothing odd gets into a message.
func join(path string, label *yaml.Node) string {
	key := label.Value
	if label.Kind != yaml.ScalarNode || strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || len(key) > 40 {
		key = Quoted(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// readList keeps the places of elements that do not fit, so that an index in a
// later finding is the one in the file.
func (s *schema) readList(d *document, path string, n *yaml.Node) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		d.spoil(path, n, "is "+s.what(n), s.wanted(n))
		return nil, false
	}
	values := make([]any, len(n.Content))
	for i, element := range n.Content {
		d.pause()
		v, ok := s.elem.read(d, index(path, i), element)
		if !ok {
			v = s.elem.zero()
		}
		values[i] = v
	}
	return values, true
}

// zero stands in for an element that could not be read.
func (s *schema) zero() any {
	if s.kind == record {
		return map[string]any{}
	}
	return ""
}

func (s *schema) readScalar(d *document, path string, n *yaml.Node) (any, bool) {
	tag := n.ShortTag()
	if tag == "!!str" && strings.IndexFunc(n.Value, unicode.IsControl) >= 0 {
		d.spoil(path, n, "contains a line break or another control character", "write it on one line")
		return nil, false
	}
	switch {
	case s.kind == span, tag == "!!str" && (s.kind == text || s.kind == blank):
		return n.Value, true
	case s.kind == truth && tag == "!!bool":
		var v bool
		if n.Decode(&v) == nil {
			return v, true
		}
	case s.kind == number && tag == "!!int" && isDecimal(n.Value):
		var v int
		if n.Decode(&v) == nil {
			return v, true
		}
	}
	d.spoil(path, n, s.typeError(path, n, tag), s.remedy(path, n))
	return nil, false
}

// isDecimal reports whether a number is what it looks like: in YAML 0100 is 64, and
// 0b101 is 5.
func isDecimal(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return strings.Trim(digits, "0123456789_") == "" && (digits == "0" || !strings.HasPrefix(digits, "0"))
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
