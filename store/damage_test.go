package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// filled returns the octets of a state with some of everything: a tree of two levels, a value on
// several pages, a bucket within a page, and free pages.
func filled(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	f, _ := opened(t, dir)
	for round := range 3 {
		for i := range 60 {
			f.Write(Change{Bucket: "b", Key: fmt.Sprintf("key %03d", i), Value: bytes.Repeat([]byte{byte(round)}, 200)})
		}
		f.Write(Change{Bucket: "large", Key: "k", Value: bytes.Repeat([]byte{byte(round)}, 3*pageSize)}, Change{Bucket: "small", Key: "k", Value: []byte("v")})
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, f)
	text, err := os.ReadFile(Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// survives opens a state_dir in which something lies, uses it, and reports whether all that filled
// has written is there, or nothing: then it was set aside, with one warning. Nothing else may be.
func survives(t testing.TB, dir string) (whole bool) {
	t.Helper()
	began := time.Now()
	f, log := opened(t, dir)
	count := 0
	for _, b := range []Bucket{"b", "large", "small"} {
		count += len(walked(t, f, b, Range{}))
	}
	f.Write(Change{Bucket: "b", Key: "new", Value: []byte("v")})
	if err := f.Sync(); err != nil {
		t.Errorf("it cannot be saved: %v", err)
	}
	closed(t, f)
	aside, _ := filepath.Glob(Path(dir) + ".damaged-*")
	warnings := strings.Count(log.String(), "level=WARN")
	switch whole = count == 62; {
	case whole && (len(aside) > 0 || warnings > 0), !whole && (count > 0 || len(aside) != 1 || warnings != 1):
		t.Errorf("%d keys, set aside %q, logged:\n%s", count, aside, log)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	return whole
}

func overwrite(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, fileMode); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFile: a file with anything wrong in it is set aside, or what is wrong lies where nothing
// is read. Nothing panics, hangs, or comes out changed.
func TestDamagedFile(t *testing.T) {
	text := filled(t)
	damaged := func(name string, change func([]byte) []byte) bool {
		dir := t.TempDir()
		overwrite(t, Path(dir), change(bytes.Clone(text)))
		whole := survives(t, dir)
		if t.Failed() {
			t.Fatalf("of a file with %s", name)
		}
		return whole
	}
	if !damaged("nothing wrong", bytes.Clone) {
		t.Fatal("a good file is set aside")
	}
	aside := 0
	step := len(text)/400 | 1 // odd, so that it comes to each place of a word
	for at := 0; at < len(text); at += step {
		if !damaged(fmt.Sprintf("octet %d changed", at), func(b []byte) []byte { b[at] ^= 1 << (at % 8); return b }) {
			aside++
		}
	}
	if aside < 20 {
		t.Errorf("only %d of 400 changes were found", aside)
	}
	for page := range len(text) / pageSize {
		for size := range 12 { // the head of each page, octet by octet
			damaged(fmt.Sprintf("octet %d of page %d changed", size, page), func(b []byte) []byte { b[page*pageSize+size+4] ^= 0xFF; return b })
		}
		damaged(fmt.Sprintf("%d pages", page), func(b []byte) []byte { return b[:page*pageSize] })
		damaged(fmt.Sprintf("%d pages and a half", page), func(b []byte) []byte { return b[:page*pageSize+pageSize/2] })
		damaged(fmt.Sprintf("page %d of zeroes", page), func(b []byte) []byte { clear(b[page*pageSize:][:pageSize]); return b })
		damaged(fmt.Sprintf("zeroes from page %d on", page), func(b []byte) []byte { clear(b[page*pageSize:]); return b })
		damaged(fmt.Sprintf("a copy of page %d as the next", page), func(b []byte) []byte {
			copy(b[min((page+1)*pageSize, len(b)):], b[page*pageSize:][:pageSize])
			return b
		})
	}
}

// FuzzDamagedFile changes some octets of a good file.
func FuzzDamagedFile(f *testing.F) {
	text := filled(f)
	f.Add(uint32(4096*3+8), []byte{0xFF})
	f.Add(uint32(4096*2+16), []byte{0, 0, 0, 0, 0, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, at uint32, octets []byte) {
		b := bytes.Clone(text)
		copy(b[int(at)%len(b):], octets)
		dir := t.TempDir()
		overwrite(t, Path(dir), b)
		survives(t, dir)
	})
}

// TestForeignFile: what is not a state, and what stands in the place of a file and never ends or
// never begins, is set aside.
func TestForeignFile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"empty":  func(path string) error { return os.WriteFile(path, nil, 0o640) },
		"text":   func(path string) error { return os.WriteFile(path, []byte("root:x:0:0:root\n"), 0o640) },
		"zeroes": func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o640) },
		"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o640) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"huge":   func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o640), os.Truncate(path, 1<<40)) },
		"another program's": func(path string) error {
			db, err := bolt.Open(path, 0o640, nil)
			if err != nil {
				return err
			}
			return errors.Join(db.Update(func(tx *bolt.Tx) error {
				_, err := tx.CreateBucket([]byte("standings"))
				return err
			}), db.Close())
		},
	} {
		dir := t.TempDir()
		if err := put(Path(dir)); err != nil {
			t.Fatal(err)
		}
		if survives(t, dir) {
			t.Errorf("%s: it is taken for ours", name)
		}
	}
}

// untouched opens a state_dir whose file must be left alone. All goes on in memory, and Health says
// why.
func untouched(t *testing.T, dir, cause, fix string) {
	t.Helper()
	before, _ := os.ReadFile(Path(dir))
	f, log := opened(t, dir)
	for _, value := range []string{"1", "2"} {
		f.Write(Change{Bucket: "b", Key: "k", Value: []byte(value)})
		if err := f.Sync(); err == nil {
			t.Error("it is said to be saved")
		}
		if got, _, err := f.Get("b", "k"); err != nil || string(got) != value {
			t.Errorf("%q, %v, want %s", got, err, value)
		}
	}
	why, how := f.Health().Advice()
	if !strings.Contains(why, cause) || !strings.Contains(why, Path(dir)) || !strings.Contains(how, fix) {
		t.Errorf("%q; %q", why, how)
	}
	if strings.Count(log.String(), "level=") != 1 || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("logged:\n%s", log)
	}
	if err := f.Close(); err == nil {
		t.Error("Close says that all is saved")
	}
	if after, _ := os.ReadFile(Path(dir)); !bytes.Equal(before, after) {
		t.Error("it was changed")
	}
}

// TestLeftAlone: a newer version's file is not touched, and a folder, which may hold anything, is not
// moved.
func TestLeftAlone(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir)
	err := f.db.Update(func(tx *bolt.Tx) error {
		other, err := tx.CreateBucket([]byte("of the future"))
		return errors.Join(err, tx.Bucket([]byte(bucketFormat)).Put([]byte(formatKey), []byte(formatText+"2")), other.Put([]byte("k"), []byte("no checksum")))
	})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, f)
	untouched(t, dir, "it is of a newer version: 2, and this program reads version 1", "install that version again, or move the file away, then run: systemctl restart onbehalf")
	if _, err := ReadStandings(dir); !errors.Is(err, errNewer) {
		t.Errorf("a command says %v", err)
	}
	dir = t.TempDir()
	if err := os.Mkdir(Path(dir), 0o750); err != nil {
		t.Fatal(err)
	}
	untouched(t, dir, "is a directory", "move it away, then run: systemctl restart onbehalf")
}

// TestAsidesAreFew: of the files that were set aside, the last few are kept.
func TestAsidesAreFew(t *testing.T) {
	dir := t.TempDir()
	for i := range mostKept + 2 {
		overwrite(t, Path(dir), []byte(fmt.Sprint(i)))
		f, _ := opened(t, dir)
		closed(t, f)
		time.Sleep(2 * time.Millisecond) // they are named by the time
	}
	names, err := filepath.Glob(Path(dir) + ".damaged-*")
	if err != nil || len(names) != mostKept {
		t.Fatalf("%q, %v", names, err)
	}
	if text, err := os.ReadFile(names[mostKept-1]); err != nil || string(text) != fmt.Sprint(mostKept+1) {
		t.Errorf("the last one is not kept: %q, %v", text, err)
	}
}

// TestDamagedInUse: a file that is cut off or overwritten while it is open ends no process. It is set
// aside, a new one takes its place, and all that is known is asked for.
func TestDamagedInUse(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"cut off": func(path string) error { return os.Truncate(path, 2*pageSize) },
		"overwritten": func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteAt(bytes.Repeat([]byte{0xFF}, 40*pageSize), 2*pageSize)
			return err
		},
	} {
		dir := t.TempDir()
		overwrite(t, Path(dir), filled(t))
		log := new(buffer)
		refilled := make(chan struct{})
		f, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		f.SetRefill(func() {
			f.Write(Change{Bucket: "b", Key: "again", Value: []byte("v")})
			close(refilled)
		})
		if err := harm(Path(dir)); err != nil {
			t.Fatal(err)
		}
		if err := f.Walk("b", Range{}, func(string, []byte) bool { return true }); err == nil {
			t.Errorf("%s: what is damaged can be read", name)
		}
		f.Write(Change{Bucket: "b", Key: "new", Value: []byte("v")})
		select {
		case <-refilled:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nothing was asked for: %+v\n%s", name, f.Health(), log)
		}
		closed(t, f)
		f, _ = opened(t, dir)
		if got := walked(t, f, "b", Range{}); len(got) != 2 {
			t.Errorf("%s: then there is %q", name, got)
		}
		closed(t, f)
		if aside, _ := filepath.Glob(Path(dir) + ".damaged-*"); len(aside) != 1 {
			t.Errorf("%s: set aside: %q\n%s", name, aside, log)
		}
	}
}

// TestRefillLater: what was lost before anybody could write it again is asked for when somebody can.
func TestRefillLater(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	defer closed(t, f)
	f.drop(1, errFull)
	time.Sleep(tick + tick/2)
	refilled := make(chan struct{})
	f.SetRefill(func() { close(refilled) })
	select {
	case <-refilled:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was asked for")
	}
}

// TestImpossibleChange: what no store takes is dropped, and nobody is asked for all that is known: that
// would come again, and be dropped again, each second.
func TestImpossibleChange(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	defer closed(t, f)
	f.SetRefill(func() { t.Error("all is asked for") })
	f.Write(Change{Bucket: "b", Key: "large", Value: make([]byte, maxValue+1)})
	f.fillAgain()
	if h := f.Health(); h.Dropped != 1 {
		t.Errorf("%+v", h)
	}
}

// TestDiskFull has a process whose files may not grow. What is written waits, is read, and is saved
// once there is room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "full", dir)
	log := new(buffer)
	cmd.Stderr = log
	out, err := cmd.Output()
	const want = "full: 100 keys are read, many wait: " // and why
	if text := string(out); err != nil || !strings.HasPrefix(text, want) || !strings.Contains(text, "file too large; let the user") ||
		!strings.HasSuffix(text, "\nthen: <nil>\n") {
		t.Errorf("%v: %s", err, text)
	}
	if text := log.String(); strings.Count(text, "standings cannot be saved") != 1 || strings.Count(text, "standings can be saved again") != 1 {
		t.Errorf("logged:\n%s", text)
	}
	f, _ := opened(t, dir)
	defer closed(t, f)
	if got := walked(t, f, "b", Range{}); len(got) != 100 || got[99] != "099="+strings.Repeat("v", 4000) {
		t.Errorf("%d keys were saved", len(got))
	}
}

// fillDisk is the child of TestDiskFull.
func fillDisk(dir string) {
	signal.Ignore(unix.SIGXFSZ)
	f, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	var limit unix.Rlimit
	if err := errors.Join(err, unix.Getrlimit(unix.RLIMIT_FSIZE, &limit)); err != nil {
		fmt.Println(err)
		return
	}
	unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8 * pageSize, Max: limit.Max})
	for i := range 100 {
		f.Write(Change{Bucket: "b", Key: fmt.Sprintf("%03d", i), Value: bytes.Repeat([]byte("v"), 4000)})
		if i%10 == 0 {
			f.Sync()
		}
	}
	f.Sync()
	count, wait := 0, "none wait"
	f.Walk("b", Range{}, func(string, []byte) bool { count++; return true })
	if f.Health().Waiting > 50 {
		wait = "many wait"
	}
	why, fix := f.Health().Advice()
	fmt.Printf("full: %d keys are read, %s: %s; %s\n", count, wait, why, fix)
	unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
	fmt.Printf("then: %v\n", f.Close())
}

// TestNoFolder: without a folder nothing is saved, and all is once there is one.
func TestNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	f, log := opened(t, dir)
	f.Write(Change{Bucket: "b", Key: "k", Value: []byte("v")})
	if err := f.Sync(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(log.String(), "remedy=") {
		t.Errorf("%v\n%s", err, log)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	closed(t, f)
	f, _ = opened(t, dir)
	if got := walked(t, f, "b", Range{}); len(got) != 1 {
		t.Errorf("%q was saved", got)
	}
	closed(t, f)
}

// TestFiles: nothing is left in the folder but the state and its lock, which others may not read.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(t.TempDir(), "target")
	overwrite(t, target, []byte("precious"))
	if err := os.Symlink(target, Path(dir)+".new"); err != nil {
		t.Fatal(err)
	}
	f, _ := opened(t, dir)
	closed(t, f)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 || files[0].Name() != lockName || files[1].Name() != fileName {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	if info, err := os.Stat(Path(dir)); err != nil || info.Mode() != fileMode {
		t.Errorf("%v, %v", info, err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "precious" {
		t.Errorf("a link was followed: %q, %v", text, err)
	}
}
