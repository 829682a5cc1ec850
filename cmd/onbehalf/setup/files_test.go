package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/keys"
	"onbehalf/tenant"
)

// made gives a maker in a folder of its own, and what it says.
func made(t *testing.T) (Maker, *[]string) {
	t.Helper()
	p, err := PathsOf(filepath.Join(t.TempDir(), "onbehalf.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	said := new([]string)
	return Maker{p, func(format string, args ...any) { *said = append(*said, fmt.Sprintf(format, args...)) }}, said
}

func fine(string) error { return nil }

// contents gives mode, time and octets of every file below a folder.
func contents(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		octets, err := os.ReadFile(path)
		all = append(all, fmt.Sprint(path, info.Mode(), info.ModTime().Format(time.RFC3339Nano), octets))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMake(t *testing.T) {
	m, said := made(t)
	if err := m.Make(good(), fine); err != nil {
		t.Fatal(err)
	}
	for i, algorithm := range []tenant.Algorithm{tenant.RSA, tenant.Ed25519} {
		path := filepath.Join(m.Keys, fmt.Sprintf("courseware.nl-ob%d.pem", i+1))
		if key, err := keys.Load(path); err != nil || key.Algorithm() != algorithm {
			t.Errorf("%s: %v %v", path, key, err)
		}
	}
	for path, mode := range map[string]os.FileMode{m.Config: 0o644, m.Secrets: 0o640} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	if info, err := os.Stat(m.Keys); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("keys: %v %v", info, err)
	}
	if n := len(contents(t, filepath.Dir(m.Config))); n != 4 {
		t.Errorf("%d files, want 4: something is left behind", n)
	}
	if !strings.Contains(strings.Join(*said, "\n"), "wrote "+m.Config) {
		t.Errorf("it said %q", *said)
	}
}

// TestMakeRefused: what check refuses is not put in place, and what was there stays.
func TestMakeRefused(t *testing.T) {
	m, _ := made(t)
	if err := os.WriteFile(m.Config, []byte("# the example\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	var draft string
	err := m.Make(good(), func(path string) error { draft = path; return no })
	if text, _ := os.ReadFile(m.Config); !errors.Is(err, no) || string(text) != "# the example\n" {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := os.Stat(draft); !os.IsNotExist(err) || filepath.Dir(draft) != filepath.Dir(m.Config) {
		t.Errorf("the draft %s: %v", draft, err)
	}
	before := contents(t, m.Keys)
	if err := m.Make(good(), fine); err != nil || !slices.Equal(before, contents(t, m.Keys)) {
		t.Errorf("the second try: %v, or it made other keys", err)
	}
}

// TestMakeUnreadable: a key file that is no key stops everything, and is left alone.
func TestMakeUnreadable(t *testing.T) {
	m, _ := made(t)
	path := filepath.Join(m.Keys, "courseware.nl-ob1.pem")
	if err := errors.Join(os.Mkdir(m.Keys, 0o750), os.WriteFile(path, []byte("junk\n"), 0o640)); err != nil {
		t.Fatal(err)
	}
	err := m.Make(good(), fine)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v does not name %s", err, path)
	}
	if got := contents(t, filepath.Dir(m.Config)); len(got) != 1 {
		t.Errorf("made all the same: %d files", len(got))
	}
}

// TestMakeLink: a link to the configuration stays one, and the keys are where the link is.
func TestMakeLink(t *testing.T) {
	m, _ := made(t)
	real := filepath.Join(t.TempDir(), "real.yaml")
	if err := errors.Join(os.WriteFile(real, nil, 0o640), os.Symlink(real, m.Config), m.Make(good(), fine)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(m.Config); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v %v", info, err)
	}
	if text, _ := os.ReadFile(real); !strings.Contains(string(text), filepath.Dir(m.Config)+"/keys") {
		t.Errorf("behind the link stands:\n%s", text)
	}
}

func TestLook(t *testing.T) {
	folder := t.TempDir()
	path, example := filepath.Join(folder, "onbehalf.yaml"), filepath.Join(folder, "example.yaml")
	os.WriteFile(example, []byte("# example\n"), 0o600)
	for _, c := range []struct {
		text string
		want State
	}{{"", Missing}, {" \n", Missing}, {"# example\n", Shipped}, {"# example", Own}, {"tenants: []\n", Own}} {
		os.WriteFile(path, []byte(c.text), 0o600)
		if got, err := Look(path, example); got != c.want || err != nil {
			t.Errorf("%q: %v %v, want %v", c.text, got, err, c.want)
		}
	}
	os.Remove(path)
	if got, err := Look(path, example); got != Missing || err != nil {
		t.Errorf("nothing: %v %v", got, err)
	}
	if _, err := Look(folder, example); err == nil {
		t.Error("a folder is a configuration")
	}
}
