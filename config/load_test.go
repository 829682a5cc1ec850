package config

import (
	"encoding/binary"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what comes of the cases into their want files")

// TestBad loads each configuration of testdata/bad and compares what is found with
// the case's file want. To add a case, add a file:
//
//	onbehalf.yaml, tenants.d/*.yaml, srs.secrets ...  laid into a folder of their own
//	env    variables of the environment, one a line
//	setup  what a file cannot say: "chmod 0644 NAME", "mkdir NAME", "remove NAME", "fifo NAME",
//	       "cut NAME" (its last octet), "grow SIZE NAME", "utf16 NAME"
//	want   the findings, one a line; "error: " or "warning: " stands before each
//
// A good srs.secrets is there unless the case brings one.
func TestBad(t *testing.T) {
	eachCase(t, "testdata/bad/*.txtar", func(c testCase) string {
		_, findings := Load(c.main, c.env)
		if len(findings) == 0 {
			t.Error("nothing was found wrong with", c.main)
		}
		return listing(c.dir, findings)
	})
}

// TestGood loads each configuration of testdata/good, likewise; want is what the
// Config holds, warnings first.
func TestGood(t *testing.T) {
	eachCase(t, "testdata/good/*.txtar", func(c testCase) string {
		config, findings := Load(c.main, c.env)
		if findings.Fatal() {
			t.Error("a good configuration was refused:", c.main)
		}
		return listing(c.dir, findings) + strings.ReplaceAll(dump(config), c.dir+"/", "")
	})
}

func listing(dir string, findings Findings) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s\n", f.Level, strings.ReplaceAll(f.String(), dir+"/", ""))
	}
	return b.String()
}

// dump writes all of a configuration, a field a line.
func dump(c *Config) string {
	var b strings.Builder
	writeFields(&b, "", *c)
	writeFields(&b, "platform ", *c.Platform)
	for _, t := range c.Tenants {
		writeFields(&b, "tenant "+t.ID+" ", *t)
	}
	for _, k := range c.Keys {
		whose := "platform"
		if k.Tenant != nil {
			whose = k.Tenant.ID
		}
		fmt.Fprintf(&b, "key %s of %s for %v (%s: %s: %s)\n", k.Path, whose, k.Identities, k.File, k.Item, k.Key)
	}
	return b.String()
}

func writeFields(b *strings.Builder, prefix string, record any) {
	v := reflect.ValueOf(record)
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; name {
		case "basis", "files", "Platform", "Tenants", "Keys", "Identities":
		default:
			fmt.Fprintf(b, "%s%s: %+v\n", prefix, name, v.Field(i).Interface())
		}
	}
}

// testCase is a case laid out on disk.
type testCase struct {
	name string
	dir  string
	main string
	env  []string
	want string
}

func eachCase(t *testing.T, glob string, got func(testCase) string) {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case matches %s (%v)", glob, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c := lay(t, archive)
			if text := got(c); *update {
				rewrite(t, path, archive, text)
			} else if text != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", text, c.want)
			}
		})
	}
}

// lay puts the files of a case into a folder.
func lay(t testing.TB, archive *txtar.Archive) testCase {
	c := testCase{dir: t.TempDir()}
	c.main = filepath.Join(c.dir, "onbehalf.yaml")
	put(t, filepath.Join(c.dir, "srs.secrets"), []byte("0123456789abcdef0123456789abcdef\n"))
	setup := ""
	for _, file := range archive.Files {
		switch file.Name {
		case "env":
			c.env = strings.Split(strings.TrimSpace(string(file.Data)), "\n")
		case "setup":
			setup = string(file.Data)
		case "want":
			c.want = string(file.Data)
		default:
			put(t, filepath.Join(c.dir, file.Name), file.Data)
		}
	}
	for line := range strings.Lines(setup) {
		prepare(t, c.dir, strings.Fields(line))
	}
	return c
}

func prepare(t testing.TB, dir string, words []string) {
	last := filepath.Join(dir, words[len(words)-1])
	var err error
	switch words[0] {
	case "chmod":
		mode, _ := strconv.ParseUint(words[1], 8, 32)
		err = os.Chmod(last, os.FileMode(mode))
	case "mkdir":
		err = os.MkdirAll(last, 0o755)
	case "fifo":
		err = syscall.Mkfifo(last, 0o600)
	case "remove":
		err = os.Remove(last)
	case "grow":
		size, _ := strconv.ParseInt(words[1], 10, 64)
		err = os.Truncate(last, size)
	case "utf16":
		var text []byte
		text, err = os.ReadFile(last)
		encoded := []byte("\xff\xfe")
		for _, unit := range utf16.Encode([]rune(string(text))) {
			encoded = binary.LittleEndian.AppendUint16(encoded, unit)
		}
		put(t, last, encoded)
	case "cut":
		info, _ := os.Stat(last)
		err = os.Truncate(last, info.Size()-1)
	default:
		t.Fatalf("setup: %q is not known", words[0])
	}
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, path string, data []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, want string) {
	var files []txtar.File
	for _, file := range archive.Files {
		if file.Name != "want" {
			files = append(files, file)
		}
	}
	archive.Files = append(files, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLogLevel(t *testing.T) {
	for word, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		if got := logLevel(new(document), word); got != want {
			t.Errorf("%s is %s", word, got)
		}
	}
}
