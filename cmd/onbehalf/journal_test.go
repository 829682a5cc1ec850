package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// journaled runs a daemon whose standard error is the journal's stream, and returns its lines
// when it has ended.
func journaled(t *testing.T, arrange func(folder string), during func(d *running)) []string {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "journal")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var s syscall.Stat_t
	if err := syscall.Fstat(int(log.Fd()), &s); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	arrange(folder)
	command := exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
	command.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", s.Dev, s.Ino))
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, folder: folder, command: command}
	during(d)
	command.Wait()
	text, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestJournal: under the journal each line has its priority, and no time; that of a message begins
// with the queue id.
func TestJournal(t *testing.T) {
	for format, line := range map[string]string{
		"text": `^<6>4X1: msg=message row="2 key-spf" action=keep `,
		"json": `^<6>\{"level":"INFO","msg":"message","queue_id":"4X1","row":"2 key-spf",`,
	} {
		t.Setenv("ONBEHALF_LOG_FORMAT", format)
		lines := journaled(t, func(folder string) {
			if err := os.Chmod(folder+"/keys/university.pem", 0o600); err != nil {
				t.Fatal(err)
			}
		}, func(d *running) {
			if !soon(func() bool { return answers(d.folder + "/milter.sock") }) {
				t.Fatal("it does not serve")
			}
			d.send("a@university.example")
			d.command.Process.Signal(syscall.SIGTERM)
		})
		found := false
		for _, one := range lines {
			found = found || regexp.MustCompile(line).MatchString(one)
			if !regexp.MustCompile(`^<[346]>`).MatchString(one) || regexp.MustCompile(`time"?[=:]`).MatchString(one) || format == "text" && strings.Contains(one, "level=INFO") {
				t.Errorf("a line %q", one)
			}
		}
		if !found {
			t.Errorf("no line of the message:\n%s", strings.Join(lines, "\n"))
		}
	}
}

// TestJournalOfFailedStart: what a start says that fails has its priority, too.
func TestJournalOfFailedStart(t *testing.T) {
	lines := journaled(t, breakMain(t), func(*running) {})
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "<3>error: ") || !strings.HasPrefix(lines[1], "<3>onbehalf: not started: ") {
		t.Errorf("%q", lines)
	}
}

// TestOtherStreamIsNoJournal: a stream that is not the journal's has lines as ever.
func TestOtherStreamIsNoJournal(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "1:2")
	d := startServe(t)
	d.command.Process.Signal(syscall.SIGTERM)
	<-d.ended
	for line := range strings.SplitSeq(d.said(), "\n") {
		if _, err := time.Parse("time=2006-01-02T15:04:05.000Z07:00", strings.Fields(line)[0]); err != nil {
			t.Errorf("a line %q", line)
		}
	}
}

// TestPrioritiesAreDocumented: docs/operations.md lists every message of the daemon's that is a
// warning or an error, and none that is not there.
func TestPrioritiesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "\n## Priorities\n")
	table, _, _ = strings.Cut(table, "\n## ")
	documented := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| (err|warning)[a-z, ]* \\| `(.+)` \\|$").FindAllStringSubmatch(table, -1) {
		documented[row[1]+" "+row[2]] = true
	}
	logged := make(map[string]bool)
	for _, folder := range []string{"../../milter", "../../socket", "../../socketmap", "../../admin", "../../authorize/watch", "../../store", "../../events", "daemon"} {
		for _, one := range loggedIn(t, folder) {
			logged[one] = true
		}
	}
	if !found || len(logged) < 30 {
		t.Fatalf("%d messages are logged; table: %v", len(logged), found)
	}
	for one := range logged {
		if !documented[one] {
			t.Errorf("not documented: %s", one)
		}
	}
	for one := range documented {
		if !variable[one] && !logged[one] {
			t.Errorf("documented, and not logged: %s", one)
		}
	}
	for one := range variable {
		if !documented[one] {
			t.Errorf("not documented: %s", one)
		}
	}
}

// variable are messages whose level is not written where they are logged.
var variable = map[string]bool{
	"err configuration": true, "warning configuration": true, "err message": true, "warning message": true,
	"warning receiver refuses a tenant's mail": true, "warning socketmap connection closed": true, "warning authorization": true,
	"err no ... socket: ...": true, "warning no ... socket: ...": true, "warning RSA signatures": true,
	"err ... log lines were dropped because ...": true, "warning ... differs from what the daemon runs with, and needs a restart": true,
	"warning no process answers at a socket in ..., because systemd hands over others": true,
}

// loggedIn returns "err TEXT" or "warning TEXT" of each call of a logger's Error or Warn with a
// text.
func loggedIn(t *testing.T, folder string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(fs.ErrNotExist, folder)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			text, literal := call.Args[0].(*ast.BasicLit)
			word := map[string]string{"Error": "err", "Warn": "warning"}
			if ok && literal && word[method.Sel.Name] != "" {
				plain, _ := strconv.Unquote(text.Value)
				all = append(all, word[method.Sel.Name]+" "+plain)
			}
			return true
		})
	}
	return all
}
