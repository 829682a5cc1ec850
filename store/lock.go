package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockName has the name that it had in older versions, so that none of them runs beside this one.
const lockName = "standings.jsonl.lock"

// lockTime is for how long the lock of a state_dir is waited for: a command that reads the state
// has it for a moment.
const lockTime = time.Second

// ErrLocked is wrapped by the errors of Open and ReadStandings while another daemon has the
// state_dir.
var ErrLocked = errors.New("the state is locked")

// lockState locks a state_dir until the file that it returns is closed: for a daemon exclusively, for
// a command, which creates nothing, as one of several.
func lockState(dir string, how int) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	flags := unix.O_NONBLOCK | os.O_CREATE | os.O_RDWR
	if how == unix.LOCK_SH {
		flags = unix.O_NONBLOCK | os.O_RDONLY
	}
	file, err := os.OpenFile(path, flags, fileMode)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockTime); ; time.Sleep(lockTime / 20) {
		err = unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w: another onbehalf uses state_dir %s%s", ErrLocked, dir, holder(file))
	} else {
		err = fmt.Errorf("%s: %w", path, err)
	}
	file.Close()
	return nil, err
}

// holder names the process that has locked a file, as far as the kernel shows it (proc_locks(5)).
func holder(file *os.File) string {
	var stat unix.Stat_t
	locks, err := os.Open("/proc/locks")
	if err != nil || unix.Fstat(int(file.Fd()), &stat) != nil {
		return ""
	}
	defer locks.Close()
	place := fmt.Sprintf("%02x:%02x:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		// "1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF", and with "->" before FLOCK, who waits
		words := strings.Fields(lines.Text())
		if len(words) > 5 && words[1] == "FLOCK" && words[5] == place && words[4] != "0" {
			return " (process " + words[4] + ")"
		}
	}
	return ""
}
