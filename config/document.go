package config

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"onbehalf/disk"
	"onbehalf/remedy"
)

// document is one file as YAML has it, to which findings are reported. What they
// are about is named by a path, like "tenants[3].dkim[0].key"; where that stands
// in the file is looked up only when there is something to report.
type document struct {
	file     string
	pause    func()            // see LoadBeside
	rank     int               // among the files
	octets   []byte            // of the file
	stamp    disk.Stamp        // of the file before it was read; zero: the next load reads it in any case
	kept     *tenantsFile      // nil: the file is read
	root     *yaml.Node        // nil: freed, see tree
	schema   *schema           // of the whole file
	spoilt   map[string]bool   // paths that a finding has made void
	env      map[string]string // main file: keys that the environment gave, and by which variable
	findings Findings
	counts   counts                        // of what was reported, the findings that are kept among them
	labels   map[*yaml.Node]map[string]int // of large mappings: where in Content each key is
}

// environment is what a finding names as its file when a variable is wrong.
const environment = "environment"

// fail reports an error, unless what it is about has already been found unreadable:
// a list that is no list is not a missing list too.
func (d *document) fail(path, cause, remedy string) {
	if !d.isSpoilt(path) {
		d.report(Error, path, cause, remedy)
	}
}

// failBy reports an error of a parser or of a file; the fix is for one that has none of its own.
func (d *document) failBy(path string, err error, fix string) {
	if d.isSpoilt(path) {
		return
	}
	cause, fix := remedy.Of(err, fix)
	if f := d.report(Error, path, cause, fix); f != nil {
		f.Denied = errors.Is(err, fs.ErrPermission)
	}
}

// failByFile reports why a file or folder that a key names could not be read.
func (d *document) failByFile(path, name string, err error) {
	cause, fix := remedy.Of(err, "look at its disk")
	d.failBy(path, &remedy.Error{Cause: name + " " + cause, Fix: fix, Err: err}, "")
}

// warn reports what stops nothing.
func (d *document) warn(path, cause, remedy string) { d.report(Warning, path, cause, remedy) }

// spoil reports an error in the shape of a node and suppresses all later findings on
// its path and below.
func (d *document) spoil(path string, n *yaml.Node, cause, remedy string) {
	if f := d.report(Error, path, cause, remedy); f != nil && n.Line > 0 && f.File == d.file {
		f.at = position{d.rank, n.Line, n.Column}
	}
	d.void(path)
}

// void suppresses all later findings on a path and below.
func (d *document) void(path string) {
	if d.spoilt == nil {
		d.spoilt = make(map[string]bool)
	}
	if path != "" {
		d.spoilt[path] = true
	}
}

func (d *document) isSpoilt(path string) bool {
	for len(d.spoilt) > 0 && path != "" {
		if d.spoilt[path] {
			return true
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return false
}

// override notes that a variable sets a key, whatever the file says about it.
func (d *document) override(key, variable string) {
	if d.env == nil {
		d.env = make(map[string]string)
	}
	d.env[key] = variable
	for path := range d.spoilt {
		if path == key || strings.HasPrefix(path, key+"[") {
			delete(d.spoilt, path)
		}
	}
}

// report adds a finding, and returns it; nil: there are enough of its level, and it is only
// counted.
func (d *document) report(level Level, path, cause, remedy string) *Finding {
	if d.isFull(level) {
		d.counts[level]++
		return nil
	}
	f := Finding{Level: level, Cause: cause, Remedy: remedy}
	f.File, f.Item, f.Key, f.at = d.place(path)
	return d.add(f)
}

// isFull reports whether one more finding of a level would only be counted.
func (d *document) isFull(level Level) bool { return d.counts[level] >= mostFindings }

func (d *document) add(f Finding) *Finding {
	d.counts[f.Level]++
	d.findings = append(d.findings, f.redacted())
	return &d.findings[len(d.findings)-1]
}

// place returns what a finding says of a path.
func (d *document) place(path string) (file, item, key string, at position) {
	if variable, rest := d.variable(path); variable != "" {
		return environment, "", variable + rest, position{file: d.rank + 1}
	}
	item, key = d.item(path)
	_, at = d.find(path)
	return d.file, item, key, at
}

// variable returns the variable that gave the value at a path, and what of the path
// lies inside the value.
func (d *document) variable(path string) (name, rest string) {
	for key, name := range d.env {
		if rest, found := strings.CutPrefix(path, key); found && (rest == "" || rest[0] == '[') {
			return name, rest
		}
	}
	return "", ""
}

// item splits a path below "tenants" into the tenant and the key in it.
func (d *document) item(path string) (item, key string) {
	if !strings.HasPrefix(path, "tenants[") {
		return "", path
	}
	item, key, _ = strings.Cut(path, ".")
	n, _ := d.find(item + ".id")
	if n != nil && n.Kind == yaml.ScalarNode && validID(n.Value) && quotable(n.Value) {
		item = "tenant " + n.Value
	}
	return item, key
}

// has reports whether the file or the environment sets a key.
func (d *document) has(path string) bool {
	n, _ := d.find(path)
	return n != nil || d.env[path] != ""
}

// find returns the value at a path, or nil, and the position of what is nearest to it.
func (d *document) find(path string) (*yaml.Node, position) {
	at := position{file: d.rank}
	n := d.tree()
	for path != "" && n != nil {
		var step string
		step, path = cutStep(path)
		label, value := d.child(n, step)
		if label != nil {
			at.line, at.column = label.Line, label.Column
		} else {
			at.line, at.column = end(n) // behind a key that was spelled wrongly
		}
		n = value
	}
	return n, at
}

// end returns where the last thing in a node stands.
func end(n *yaml.Node) (line, column int) {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n.Line, n.Column
}

// tree returns the file as YAML has it, parsed again if it was freed.
func (d *document) tree() *yaml.Node {
	if d.octets == nil && d.kept != nil {
		d.octets, _ = readFile(d.file)
	}
	if d.root == nil && d.octets != nil {
		var again yaml.Node
		if yaml.Unmarshal(d.octets, &again) == nil && len(again.Content) > 0 {
			d.root = again.Content[0]
		}
	}
	return d.root
}

// freeTree frees the tree of a file that was read, twenty times as large as the file, unless there
// are findings, for which places in it are looked up.
func (d *document) freeTree() {
	if len(d.findings) == 0 {
		d.root, d.labels = nil, nil
	}
}

// cutStep takes "name" or "[3]" from the start of a path.
func cutStep(path string) (step, rest string) {
	end := strings.IndexAny(path[1:], ".[") + 1
	if end == 0 {
		return path, ""
	}
	return path[:end], strings.TrimPrefix(path[end:], ".")
}

// child returns the node that one step leads to, and the node that stands for it in
// the text.
func (d *document) child(n *yaml.Node, step string) (label, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		if i, found := d.label(n, step); found {
			return n.Content[i], n.Content[i+1]
		}
	case yaml.SequenceNode:
		i, err := strconv.Atoi(strings.Trim(step, "[]"))
		if err == nil && 0 <= i && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	}
	return nil, nil
}

// label returns where in the Content of a mapping a key is. A mapping of ours is small; in one that
// is not, nothing is searched twice.
func (d *document) label(n *yaml.Node, key string) (at int, found bool) {
	const small = 64
	if len(n.Content) <= small {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return i, true
			}
		}
		return 0, false
	}
	labels := d.labels[n]
	if labels == nil {
		labels = make(map[string]int)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if _, before := labels[n.Content[i].Value]; !before {
				labels[n.Content[i].Value] = i
			}
		}
		if d.labels == nil {
			d.labels = make(map[*yaml.Node]map[string]int)
		}
		d.labels[n] = labels
	}
	at, found = labels[key]
	return at, found
}

// index returns the path of an element of a list.
func index(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
