package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/test/peer"

	"golang.org/x/sys/unix"
)

const keptKeys = 300

// wasteful makes a file of which so many octets, and more, are free, and returns the folder.
func wasteful(t *testing.T, free int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	f, _ := opened(t, dir)
	const large = 1 << 20
	var gone []Change
	for i := range free/large + 1 {
		key := fmt.Sprint(i)
		f.Write(Change{Bucket: "gone", Key: key, Value: bytes.Repeat([]byte("x"), large)})
		gone = append(gone, Change{Bucket: "gone", Key: key, Delete: true})
	}
	for i := range keptKeys {
		f.Write(Change{Bucket: Bucket(fmt.Sprint("b", i%3)), Key: fmt.Sprintf("%03d", i), Value: bytes.Repeat([]byte{byte(i)}, i*10)})
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	f.Write(gone...)
	closed(t, f)
	return dir
}

// checkKept fails when a file does not hold what wasteful has left in it, or when anything else lies
// beside it.
func checkKept(t *testing.T, dir string) {
	t.Helper()
	f, log := opened(t, dir)
	defer closed(t, f)
	for i := range keptKeys {
		value, found, err := f.Get(Bucket(fmt.Sprint("b", i%3)), fmt.Sprintf("%03d", i))
		if err != nil || !found || !bytes.Equal(value, bytes.Repeat([]byte{byte(i)}, i*10)) {
			t.Fatalf("key %d: %d octets, %t, %v", i, len(value), found, err)
		}
	}
	if got := len(walked(t, f, "gone", Range{})); got != 0 {
		t.Errorf("%d keys have come back", got)
	}
	if strings.Contains(log.String(), "level=WARN") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("logged:\n%s", log)
	}
	if names := namesIn(t, dir); !slices.Equal(names, []string{lockName, fileName}) {
		t.Errorf("the folder holds %q", names)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}

func sizeIn(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fileMode {
		t.Errorf("the file has mode %v", info.Mode())
	}
	return info.Size()
}

// TestCompacted: a large file that is mostly free is smaller after a start, with all that is in it;
// never while it is in use; and not at each start again.
func TestCompacted(t *testing.T) {
	dir := wasteful(t, largeFile)
	before := sizeIn(t, dir)
	f, log := opened(t, dir)
	after := sizeIn(t, dir)
	if before <= largeFile || after > 2<<20 || strings.Count(log.String(), "\n") != 1 ||
		!strings.Contains(log.String(), fmt.Sprintf("level=INFO msg=\"the state file was mostly free space, and is smaller now\" file=%s bytes=%d before=%d", Path(dir), after, before)) {
		t.Errorf("of %d octets, %d are left\n%s", before, after, log)
	}
	for i := range largeFile>>20 + 2 {
		f.Write(Change{Bucket: "gone", Key: fmt.Sprint(i), Value: make([]byte, 1<<20)})
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	for i := range largeFile>>20 + 2 {
		f.Write(Change{Bucket: "gone", Key: fmt.Sprint(i), Delete: true})
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	f.Write(Change{Bucket: "gone", Key: "last", Value: []byte("v")}, Change{Bucket: "gone", Key: "last", Delete: true})
	closed(t, f)
	if grown := sizeIn(t, dir); grown <= largeFile {
		t.Errorf("in use, it has become smaller: %d octets", grown)
	}
	checkKept(t, dir)
	again := sizeIn(t, dir)
	f, log = opened(t, dir)
	closed(t, f)
	if size := sizeIn(t, dir); again > 2<<20 || size != again || log.String() != "" {
		t.Errorf("at the second start: %d octets, then %d\n%s", again, size, log)
	}
}

// TestNotCompacted: a file is left as it is that is small, or mostly in use, or that a link leads to.
func TestNotCompacted(t *testing.T) {
	small := wasteful(t, 8<<20)
	full := t.TempDir()
	f, _ := opened(t, full)
	for i := range largeFile >> 20 {
		f.Write(Change{Bucket: "gone", Key: fmt.Sprint(i), Value: make([]byte, 1<<20)})
	}
	closed(t, f)
	linked, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Rename(Path(wasteful(t, largeFile)), elsewhere), os.Symlink(elsewhere, Path(linked))); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"small": small, "full": full, "linked": linked} {
		before := sizeIn(t, dir)
		f, log := opened(t, dir)
		if after := sizeIn(t, dir); after != before || log.String() != "" {
			t.Errorf("%s: of %d octets, %d are left\n%s", name, before, after, log)
		}
		closed(t, f)
	}
	if info, err := os.Lstat(Path(linked)); err != nil || info.Mode().IsRegular() {
		t.Errorf("the link is %v, %v", info, err)
	}
}

// TestNotCompactedWithoutLock: a file that another daemon may have is left as it is.
func TestNotCompactedWithoutLock(t *testing.T) {
	dir := wasteful(t, largeFile)
	lock := filepath.Join(dir, lockName)
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o750)); err != nil {
		t.Fatal(err)
	}
	before := sizeIn(t, dir)
	f, log := opened(t, dir)
	defer closed(t, f)
	if after := sizeIn(t, dir); after != before || log.String() != "" {
		t.Errorf("of %d octets, %d are left\n%s", before, after, log)
	}
}

// TestCompactedKeepsAccess: who could not read the file cannot read the smaller one either.
func TestCompactedKeepsAccess(t *testing.T) {
	dir := wasteful(t, largeFile)
	if err := os.Chmod(Path(dir), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _ := opened(t, dir)
	defer closed(t, f)
	if info, err := os.Stat(Path(dir)); err != nil || info.Size() > 2<<20 || info.Mode() != 0o600 {
		t.Errorf("it has mode %v, %v", info, err)
	}
}

// compactSome is a child that begins to compact a file, and is killed: by itself after some steps, or
// by its parent.
func compactSome(dir string) {
	f := &File{Options: Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stdout, nil))}, path: Path(dir)}
	before, err := os.Lstat(f.path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("begun")
	steps, _ := strconv.Atoi(os.Getenv("STORE_CHILD_STEPS"))
	for _, step := range f.compaction(before)[:steps] {
		if err := step(); err != nil {
			fmt.Println(err)
			return
		}
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// TestKilledWhileCompacting kills a process between any two steps of compacting a file, and at some
// moment of copying. Nothing of what was saved is lost, and nothing is left beside it.
func TestKilledWhileCompacting(t *testing.T) {
	all := len(new(File).compaction(nil))
	killed := func(steps int, after time.Duration) {
		t.Helper()
		dir := wasteful(t, 2<<20)
		before := sizeIn(t, dir)
		cmd := child(t, "compactor", dir)
		cmd.Env = append(cmd.Env, fmt.Sprint("STORE_CHILD_STEPS=", steps))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 100)
		n, err := out.Read(said)
		if err != nil || string(said[:n]) != "begun\n" {
			t.Fatalf("%v: %s", err, said[:n])
		}
		if after > 0 {
			time.Sleep(after)
			cmd.Process.Signal(syscall.SIGKILL)
		}
		rest, _ := out.Read(said)
		if err := cmd.Wait(); err == nil || rest > 0 {
			t.Fatalf("it ended by itself: %v, %s", err, said[:rest])
		}
		if size := sizeIn(t, dir); (size < before) != (steps == all) && after == 0 {
			t.Errorf("after %d steps: %d octets of %d", steps, size, before)
		}
		checkKept(t, dir)
	}
	for steps := range all + 1 {
		killed(steps, 0)
	}
	for i := range 20 {
		killed(all, time.Duration(1+i*i)*100*time.Microsecond)
	}
}

// openConfined is the child of TestNoRoomToCompact.
func openConfined(dir string) {
	signal.Ignore(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		return
	}
	unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 16 * pageSize, Max: limit.Max})
	f, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
	if err != nil {
		fmt.Println(err)
		return
	}
	f.Write(Change{Bucket: "b0", Key: "new", Value: []byte("v")})
	fmt.Println(f.Close())
}

// TestNoRoomToCompact: where there is no room for the smaller file, the old one stays in use, and the
// log says so in one line.
func TestNoRoomToCompact(t *testing.T) {
	dir := wasteful(t, largeFile)
	before := sizeIn(t, dir)
	cmd := child(t, "confined", dir)
	log := new(buffer)
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil || string(out) != "<nil>\n" {
		t.Errorf("%v: %s", err, out)
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `level=WARN msg="the state file is mostly free space, and cannot be made smaller"`) ||
		!strings.Contains(text, "file too large") || !strings.Contains(text, "remedy=") {
		t.Errorf("logged:\n%s", text)
	}
	if size := sizeIn(t, dir); size != before {
		t.Errorf("%d octets of %d", size, before)
	}
	if names := namesIn(t, dir); !slices.Equal(names, []string{lockName, fileName}) {
		t.Errorf("the folder holds %q", names)
	}
	checkKept(t, dir) // now it is made smaller
	if size := sizeIn(t, dir); size > 2<<20 {
		t.Errorf("then it has %d octets", size)
	}
}

// TestShorterValuesAreCompacted: a file whose pages are all in use, but for little in each, is made
// smaller too.
func TestShorterValuesAreCompacted(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir)
	const keys = 60_000
	for _, size := range []int{1300, 40} {
		for i := range keys {
			f.Write(Change{Bucket: "b", Key: fmt.Sprintf("%07d", i), Value: bytes.Repeat([]byte{byte(i)}, size)})
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, f)
	before := sizeIn(t, dir)
	f, _ = opened(t, dir)
	defer closed(t, f)
	if after := sizeIn(t, dir); before <= largeFile || after > before/3 {
		t.Errorf("of %d octets, %d are left", before, after)
	}
	next := 0
	if err := f.Walk("b", Range{}, func(key string, value []byte) bool {
		if key != fmt.Sprintf("%07d", next) || !bytes.Equal(value, bytes.Repeat([]byte{byte(next)}, 40)) {
			t.Fatalf("%s: %x", key, value)
		}
		next++
		return true
	}); err != nil || next != keys {
		t.Errorf("%d keys, %v", next, err)
	}
}

// TestCompactedForAnotherUser: a daemon that may not give the file back to its owner says what to do.
func TestCompactedForAnotherUser(t *testing.T) {
	peer.NeedRoot(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(draft, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the user that it is
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			failed <- errno
			return
		}
		failed <- keepAccess(draft, path, info)
	}()
	cause, fix := advise(<-failed)
	if !strings.Contains(cause, "belongs to another user") || !strings.HasPrefix(fix, "run: chown 65534:") || !strings.HasSuffix(fix, path) {
		t.Errorf("%s; %s", cause, fix)
	}
}
