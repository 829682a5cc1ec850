package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// TestMain is also the process that the tests kill: with a role in the environment it is no test.
func TestMain(m *testing.M) {
	switch dir := os.Getenv("STORE_CHILD_DIR"); os.Getenv("STORE_CHILD") {
	case "writer":
		writeForever(dir)
	case "reader":
		readOnly(dir)
	case "full":
		fillDisk(dir)
	case "fixed":
		writeIntoFixed(dir)
	case "compactor":
		compactSome(dir)
	case "confined":
		openConfined(dir)
	default:
		os.Exit(m.Run())
	}
}

// child runs this test program in a role, perhaps within another program.
func child(t *testing.T, role, dir string, within ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(within, self)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "STORE_CHILD="+role, "STORE_CHILD_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

const (
	killDomains = 200
	killEvent   = Bucket("events of the test")
)

// writeForever writes standings and events without end. Each number that it prints is that of a
// round that was saved; all before it were written in order.
func writeForever(dir string) {
	f, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	round := lastRound(f) + 1
	printed := make(chan uint64, 1)
	go func() {
		for n := range printed {
			if f.Sync() == nil {
				fmt.Println(n)
			}
		}
	}()
	for ; ; round++ {
		text := binary.BigEndian.AppendUint64(nil, round)
		for d := round % 7; d < killDomains; d += 7 {
			SaveStandings(f, []tenant.Standing{standingOf(d, round)}, nil)
		}
		f.Write(Change{Bucket: killEvent, Key: string(text), Value: text}, Change{Bucket: "last", Key: "round", Value: text})
		select {
		case printed <- round:
		default:
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func lastRound(s Store) uint64 {
	text, found, err := s.Get("last", "round")
	if err != nil || !found {
		return 0
	}
	return binary.BigEndian.Uint64(text)
}

func standingOf(n, round uint64) tenant.Standing {
	d, _ := message.ParseDomain(fmt.Sprintf("d%d.example", n))
	at := time.Unix(int64(round), 0).UTC()
	return tenant.Standing{Domain: d, SPF: tenant.Mechanism{State: tenant.Active, Of: fmt.Sprint(round), Since: at, Checked: at,
		Evidence: strings.Repeat("evidence ", int(round%20))}}
}

// TestKilled kills a process that writes under load, a hundred times. What it has said to be saved is
// there, and what is there is all that was written up to some moment: no standing without those
// before it, no gap in the events.
func TestKilled(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	dir := t.TempDir()
	last := uint64(0)
	for i := range rounds {
		saved := killOne(t, dir, time.Duration(3+i*7%60)*time.Millisecond)
		f, log := opened(t, dir)
		got := lastRound(f)
		if got < saved || got < last {
			t.Fatalf("kill %d: round %d was saved, and %d is there", i, saved, got)
		}
		checkRounds(t, f, got)
		if text := log.String(); text != "" {
			t.Fatalf("kill %d: logged:\n%s", i, text)
		}
		closed(t, f)
		last = got
	}
	if last < uint64(rounds) {
		t.Errorf("only %d rounds were saved under %d kills", last, rounds)
	}
}

// killOne starts a writer, kills it some time after it has saved something, and returns the last
// round that it has said to be saved.
func killOne(t *testing.T, dir string, after time.Duration) (saved uint64) {
	t.Helper()
	cmd := child(t, "writer", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		var n uint64
		if _, err := fmt.Fscanln(lines, &n); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // a line cut in two by the kill
				t.Fatal(err)
			}
			break
		}
		if saved == 0 {
			time.AfterFunc(after, func() { cmd.Process.Signal(syscall.SIGKILL) })
		}
		saved = n
	}
	if err := cmd.Wait(); err == nil || saved == 0 {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return saved
}

// checkRounds compares all that is there with what was written up to a round.
func checkRounds(t *testing.T, f *File, last uint64) {
	t.Helper()
	next := uint64(1)
	if err := f.Walk(killEvent, Range{}, func(key string, _ []byte) bool {
		if binary.BigEndian.Uint64([]byte(key)) != next {
			t.Fatalf("after event %d comes %d", next-1, binary.BigEndian.Uint64([]byte(key)))
		}
		next++
		return true
	}); err != nil || next != last+1 {
		t.Fatalf("%d events of %d, %v", next-1, last, err)
	}
	all, err := LoadStandings(f)
	if err != nil || last >= 7 && len(all) != killDomains {
		t.Fatalf("%d standings of %d, %v", len(all), killDomains, err)
	}
	for _, s := range all {
		var n uint64
		fmt.Sscanf(s.Domain.String(), "d%d.example", &n)
		round := last - (last%7+7-n%7)%7 // the last one in which it was written
		if s.SPF.Of != fmt.Sprint(round) && s.SPF.Of != fmt.Sprint(round+7) {
			t.Fatalf("%s is of round %s, and the last one is %d", s.Domain, s.SPF.Of, last)
		}
	}
}

// readOnly is the child of TestReadOnly.
func readOnly(dir string) {
	f, err := Open(Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	f.Write(Change{Bucket: "b", Key: "new", Value: []byte("v")})
	saved := f.Sync()
	count := 0
	failure := f.Walk("b", Range{}, func(string, []byte) bool { count++; return true })
	why, fix := f.Health().Advice()
	fmt.Printf("saved %t, %d keys, %v, %s; %s\n", saved == nil, count, failure, why, fix)
	os.Chmod(Path(dir), 0o640)
	f.Sync()
	fmt.Printf("afterwards: %v\n", f.Health().Problem)
	f.Close()
}

// TestReadOnly: a file that may be read and not written is read, and written once it may be.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir)
	f.Write(Change{Bucket: "b", Key: "old", Value: []byte("v")})
	closed(t, f)
	if err := os.Chmod(Path(dir), 0o440); err != nil {
		t.Fatal(err)
	}
	var within []string
	if os.Geteuid() == 0 { // whom no mode stops
		within = []string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}
	}
	out, err := child(t, "reader", dir, within...).Output()
	if text := string(out); err != nil || !strings.Contains(text, "saved false, 2 keys, <nil>, permission denied for user ") ||
		!strings.Contains(text, "afterwards: <nil>\n") {
		t.Errorf("%v: %s", err, text)
	}
	f, _ = opened(t, dir)
	if got := walked(t, f, "b", Range{}); len(got) != 2 {
		t.Errorf("then there is %q", got)
	}
	closed(t, f)
}
