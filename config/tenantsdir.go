package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"onbehalf/disk"
)

// tenantsDir returns the files of tenants_dir, in the order of their names.
func (l *loader) tenantsDir(main *document, raw *rawFile) []*document {
	l.config.TenantsDir = l.pathAt(main, "tenants_dir", raw.TenantsDir, l.folder)
	if main.isSpoilt("tenants_dir") {
		return nil
	}
	paths, ignored, err := TenantsFiles(l.config.TenantsDir)
	if err != nil && (main.has("tenants_dir") || !os.IsNotExist(err)) {
		main.failByFile("tenants_dir", l.config.TenantsDir, disk.Explain(l.config.TenantsDir, err))
		return nil
	}
	files := l.tenantsFiles(paths, ignored)
	if len(files) == 0 && !main.has("tenants") {
		main.fail("tenants", "there are no tenants here or in "+l.config.TenantsDir, "write `tenants: []` if there are none yet")
	}
	return files
}

// refuseIfOpen refuses a folder of keys that every user of the host can write to: who can may put a
// key of his own in the place of one.
func (d *document) refuseIfOpen(path, folder string) {
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return // the keys in it will say so
	}
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		d.fail(path, fmt.Sprintf("%s has mode %04o, so that every user of the host can put keys there", folder, mode), "run: chmod 0750 "+folder)
	}
}

// TenantsFiles returns the files of a tenants_dir that hold tenants, in the order of their names.
// What editors, packages and people leave beside them does not count; ignored are those of it
// that somebody may believe to be read. The error is that of os.ReadDir.
func TenantsFiles(folder string) (read, ignored []string, err error) {
	listed, err := os.ReadDir(folder)
	for _, file := range listed {
		name := file.Name()
		switch extension := filepath.Ext(name); {
		case strings.HasPrefix(name, "."):
		case extension == ".yaml":
			read = append(read, filepath.Join(folder, name))
		case extension == ".yml", strings.EqualFold(extension, ".yaml"):
			ignored = append(ignored, filepath.Join(folder, name))
		}
	}
	return read, ignored, err
}

// tenantsFiles adds the files of tenants_dir, in the order of their names.
func (l *loader) tenantsFiles(read, ignored []string) []*document {
	var files []*document
	for _, path := range slices.Sorted(slices.Values(slices.Concat(read, ignored))) {
		file := l.document(path)
		if _, is := slices.BinarySearch(ignored, path); !is {
			files = append(files, file)
		} else {
			file.warn("", "is not read, because its name does not end in .yaml", "rename it, or remove it")
		}
	}
	return files
}

// readTenants reads files in parallel, because there may be thousands, and takes the tenants of each
// in the order of the files. What is read and not taken yet is many times as large as what will be
// kept of it, so there is never more of it than a file for each processor. With one, nothing is
// done side by side.
func readTenants(files []*document, processors int, take func(*document, []*entry)) {
	s := schemaOf(reflect.TypeFor[rawTenants]())
	found := make([]chan []*entry, len(files))
	for i := range found {
		found[i] = make(chan []*entry, 1)
	}
	next := make(chan int, processors)
	var workers sync.WaitGroup
	for range min(processors, len(files)) {
		workers.Go(func() {
			for i := range next {
				found[i] <- files[i].readTenants(s)
			}
		})
	}
	for i := range min(processors, len(files)) {
		next <- i
	}
	for i := range files {
		take(files[i], <-found[i])
		if ahead := i + processors; ahead < len(files) {
			next <- ahead
		}
	}
	close(next)
	workers.Wait()
}

func (d *document) readTenants(s *schema) []*entry {
	if d.kept != nil || !d.read() {
		return nil
	}
	file, _ := s.read(d, "", d.root)
	values, _ := file.(map[string]any)
	tenants := tenantsOf(s, values)
	if !d.has("tenants") {
		d.fail("tenants", "is missing", "write `tenants:` and the list of tenants below it")
	}
	d.freeTree()
	return entries(d, tenants)
}
