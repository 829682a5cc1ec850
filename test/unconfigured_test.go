package test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"onbehalf/test/postfix"
)

// serveHeld starts the daemon with a socket for the milter that stays whatever becomes of it, as
// systemd's does (sd_listen_fds(3)), and waits until its log says a text.
func (f *faults) serveHeld(says string) {
	f.t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: f.postfix.QueueDir + "/onbehalf/milter.sock", Net: "unix"})
	f.must(err)
	f.must(os.Chmod(listener.Addr().String(), 0o660))
	file, err := listener.File()
	f.must(err)
	listener.SetUnlinkOnClose(false)
	listener.Close()
	f.daemon = exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=milter exec "$0" serve --config "$1"`, f.binary, f.config)
	f.daemon.ExtraFiles, f.daemon.Stderr = []*os.File{file}, &f.log
	f.must(f.daemon.Start())
	file.Close()
	f.says(says)
}

// unconfigured starts the daemon with a configuration that it cannot use. Postfix has its answer
// at once, mail waits wherever it comes from, and when the configuration is right it leaves: also
// in an SMTP session that was open all the time.
func (f *faults) unconfigured() {
	f.stop()
	good, err := os.ReadFile(f.config)
	f.must(err)
	f.must(os.WriteFile(f.config, append(good, "oops: 1\n"...), 0o600))
	f.serveHeld("NOT READY")

	message := []byte("From: " + own + "\r\nTo: student@receiver.example\r\nSubject: Your course\r\n\r\nWelcome.\r\n")
	client := postfix.Dial(f.t, f.postfix.SMTPAddr)
	for range 2 {
		begun := time.Now()
		reply := client.Send(kept, []string{"student@receiver.example"}, message)
		if took := time.Since(begun); reply.Code != 451 || took > time.Second {
			f.t.Errorf("answered %s after %v, want 451 within a second", reply, took)
		}
		f.seen = append(f.seen, reply.String())
		client.Do("RSET")
	}
	f.postfix.Sendmail(f.t, message, "-f", kept, "student@receiver.example")
	f.status("NOT READY", "oops: there is no such key", "451 4.7.1")
	f.await("Postfix to keep the local message", func() bool { return strings.Contains(f.postfix.Log()[f.from[1]:], "milter-reject: END-OF-MESSAGE") })
	if all := f.sink.Arrived(); len(all) > 0 {
		f.t.Fatalf("%d messages have left without a signature", len(all))
	}

	f.must(os.WriteFile(f.config, good, 0o600))
	f.daemon.Process.Signal(syscall.SIGHUP)
	f.says("msg=serving")
	if reply := client.Send(kept, []string{"student@receiver.example"}, message); !reply.OK() {
		f.t.Errorf("in the session that was open: %s", reply)
	}
	f.house.verifySigned(f.t, f.sink.Wait(f.t, 1)[0].Data)
	f.reloadPostfix(f.postfix) // else the local message is tried again within a minute
	f.house.verifySigned(f.t, f.sink.Wait(f.t, 1)[0].Data)
	f.stop()
	f.must(os.Remove(f.postfix.QueueDir + "/onbehalf/milter.sock"))
	f.serve()
	f.well()
}
