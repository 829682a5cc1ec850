package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
)

// umask is that of the unit (UMask=): what the daemon writes is for its user and group alone.
const umask = 0o007

// becomeUser executes the program again as a user. Before that, root does what the user cannot: it
// makes the folders that are missing. The process keeps its number. It is executed again because
// that changes all threads at once, and leaves nothing of what root has read: keys and secrets are
// read as the user, so that a reload may do all that the start could. It returns only when that
// fails.
func becomeUser(options Options, who *access.User) error {
	conf, findings := config.Load(options.Config, os.Environ())
	log := newLogger(options.Log, conf.Log, new(slog.LevelVar), isJournal(options.Log))
	if !findings.Fatal() { // else the user is shown what is wrong, and no folder is needed
		if err := makeFolders(foldersOf(conf), who, log); err != nil {
			return err
		}
	}
	syscall.Umask(syscall.Umask(umask) | umask)
	log.Info("root has started the daemon, which goes on as its user", "user", who.Name)
	if err := execute(who); err != nil {
		return fmt.Errorf("not started: root cannot go on as %s: %w; let it (CAP_SETUID and CAP_SETGID; the user must be able to run this program), or start it as that user", who, err)
	}
	return nil
}

// execute replaces the process by this program, run again by a user with all its groups.
func execute(who *access.User) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	groups := append([]uint32{who.GID}, who.Groups...)
	runtime.LockOSThread() // these calls change this thread alone, and exec(2) ends all others
	for _, call := range [][4]uintptr{
		{syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0},
		{syscall.SYS_SETRESGID, uintptr(who.GID), uintptr(who.GID), uintptr(who.GID)},
		{syscall.SYS_SETRESUID, uintptr(who.UID), uintptr(who.UID), uintptr(who.UID)},
	} {
		if _, _, failed := syscall.RawSyscall(call[0], call[1], call[2], call[3]); failed != 0 {
			return failed
		}
	}
	return syscall.Exec(program, os.Args, os.Environ())
}

// warnOfRoot says that the daemon runs as root, which it need not.
func (d *daemon) warnOfRoot() {
	if os.Geteuid() == 0 {
		d.log.Warn("the daemon runs as root, and needs no right of root's", "remedy", "start it with --user onbehalf, or another user that may read keys and secrets")
	}
}
