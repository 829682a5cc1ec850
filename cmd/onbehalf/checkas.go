package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
)

// deniedTo returns what the user that the daemon runs as may not read, as the daemon would find
// it: a child of ours, whom the kernel makes that user with all its groups, checks the
// configuration. None for who is not root, and where no user is named and none is known.
func (p *program) deniedTo(name string) (config.Findings, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	who, err := p.daemonUser(name)
	if who == nil || who.UID == 0 {
		return nil, err
	}
	all, err := p.checkAs(who)
	if err != nil {
		fmt.Fprintf(p.err, "onbehalf: not checked as %s: %v\n", who, err)
	}
	var denied config.Findings
	for _, f := range all {
		if f.Denied {
			denied = append(denied, f)
		}
	}
	return denied, nil
}

// daemonUser returns the user that the daemon runs as; nil: that is not known.
func (p *program) daemonUser(name string) (*access.User, error) {
	if name != "" {
		who, err := access.Lookup(name)
		if err != nil {
			return nil, misuse("--user: %v", err)
		}
		return who, nil
	}
	if p.config != config.DefaultFile {
		return nil, nil // whose daemon that is, its unit does not say
	}
	if name = unitUser(); name == "" {
		name = defaultUser
	}
	who, err := access.Lookup(name)
	if err != nil {
		return nil, nil // it is not installed
	}
	return who, nil
}

// defaultUser is whom the package has the daemon run as.
const defaultUser = "onbehalf"

// checkAs returns what check-config finds as another user.
func (p *program) checkAs(who *access.User) (config.Findings, error) {
	path, err := filepath.Abs(p.config)
	if err != nil {
		return nil, err
	}
	child := exec.Command("/proc/self/exe", "check-config", "--json", "--start", "--config", path) // the levels of a start
	child.Args[0], child.Dir = os.Args[0], "/"
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.UID, Gid: who.GID, Groups: who.Groups}}
	out, err := child.Output()
	if ended := new(exec.ExitError); err != nil && (!errors.As(err, &ended) || ended.ExitCode() != exitNo) {
		return nil, err
	}
	var said struct{ Findings config.Findings }
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, fmt.Errorf("what it says cannot be read: %w", err)
	}
	return said.Findings, nil
}
