package config

import (
	"runtime"
	"slices"
)

// leftOut are tenants that have errors, and are not read.
type leftOut struct{ items map[itemOf]bool }

// itemOf is a tenant as a finding names it; an empty item is a whole file.
type itemOf struct{ file, item string }

// remove takes the tenants that are left out from a list.
func (l *leftOut) remove(all []*entry) []*entry {
	if l == nil {
		return all
	}
	return slices.DeleteFunc(all, func(e *entry) bool {
		item, _ := e.doc.item(e.path + ".id")
		return l.items[itemOf{e.doc.file, item}] || l.items[itemOf{e.doc.file, ""}]
	})
}

// inFile reports whether something in a file is left out.
func (l *leftOut) inFile(file string) bool {
	if l != nil {
		for one := range l.items {
			if one.file == file {
				return true
			}
		}
	}
	return false
}

// covers reports whether a finding is about what is left out.
func (l *leftOut) covers(f Finding) bool {
	return l.items[itemOf{f.File, f.Item}] || l.items[itemOf{f.File, ""}]
}

// LoadRest is Load for a command about one tenant, which a mistake in the files of others need not
// stop: tenants with errors, and files of tenants_dir that cannot be read, are left out. Broken are
// the findings about those. The findings are Fatal only when the main file, or the environment, is
// wrong; a daemon would not start while there are any of either.
func LoadRest(path string, env []string) (conf *Config, findings, broken Findings) {
	const rounds = 20 // who is left out may have hidden what is wrong with another
	left := &leftOut{make(map[itemOf]bool)}
	for round := 1; ; round++ {
		before := len(left.items)
		var rest counts
		conf, findings, rest = newLoader(left, Before{}, runtime.GOMAXPROCS(0), func() {}).run(path, env)
		findings = slices.DeleteFunc(findings, func(f Finding) bool {
			about := f.Level == Error && f.ofTenants(path)
			if about && !left.covers(f) {
				left.items[itemOf{f.File, f.Item}] = true
			}
			if about || left.covers(f) {
				broken = append(broken, f)
			}
			return about || left.covers(f)
		})
		if len(left.items) == before || round == rounds {
			return conf, findings.limited(rest), once(broken)
		}
	}
}

// ofTenants reports whether a finding is about a tenant, or a file that holds nothing else.
func (f Finding) ofTenants(main string) bool {
	return f.Item != "" || f.File != main && f.File != environment && f.File != everywhere
}

func once(all Findings) Findings {
	seen := make(map[string]bool)
	return slices.DeleteFunc(all, func(f Finding) bool {
		text := f.String()
		was := seen[text]
		seen[text] = true
		return was
	})
}
