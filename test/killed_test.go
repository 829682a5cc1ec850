package test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// moment is one in the conversation of Postfix and the daemon: what has just come from Postfix,
// or gone to it.
type moment struct {
	name    string
	command byte // from Postfix: the daemon is killed in its place
	reply   int  // 0: none. The daemon is killed when it has answered the end of the message, and Postfix gets so many hundredths of that
	taken   bool // Postfix has accepted the message
}

// moments are all phases of a message.
var moments = []moment{
	{name: "connect", command: 'C'},
	{name: "MAIL", command: 'M'},
	{name: "RCPT", command: 'R'},
	{name: "header", command: 'L'},
	{name: "end of the header", command: 'N'},
	{name: "body", command: 'B'},
	{name: "end of the message", command: 'E'},
	{name: "before the reply", command: 'E', reply: 1},
	{name: "half of the reply", command: 'E', reply: 50},
	{name: "after the reply", command: 'E', reply: 100, taken: true},
	{name: "after the message", command: 'Q', taken: true},
}

// killed kills the daemon while nothing happens, and then at each moment of a message.
func (f *faults) killed() {
	f.kill()
	f.status("onbehalf is NOT running")
	f.deferred()
	f.serve()
	f.well()

	f.stop()
	var pid atomic.Int64 // of the daemon
	c := &cutter{kill: func() { syscall.Kill(int(pid.Load()), syscall.SIGKILL) }}
	socket := "unix:" + f.postfix.QueueDir + "/onbehalf/milter.sock"
	c.daemon = f.folder + "/behind.sock"
	f.configure(socket, "unix:"+c.daemon)
	listener, err := net.Listen("unix", strings.TrimPrefix(socket, "unix:"))
	f.must(err)
	f.must(os.Chmod(strings.TrimPrefix(socket, "unix:"), 0o660))
	go c.serve(listener)
	for _, m := range moments {
		f.serve()
		pid.Store(int64(f.daemon.Process.Pid))
		c.arm(m)
		reply := f.attempt()
		f.daemon.Wait()
		f.daemon = nil
		if m.taken != reply.OK() || !m.taken && reply.Code/100 != 4 {
			f.t.Errorf("killed at %s: answered %s", m.name, reply)
		}
		f.serve()
		if !m.taken {
			if again := f.attempt(); !again.OK() { // as the sender does
				f.t.Fatalf("after a kill at %s: answered %s", m.name, again)
			}
		}
		f.house.verifySigned(f.t, f.sink.Wait(f.t, 1)[0].Data)
		f.well() // and nothing has come twice
		f.stop()
	}
	listener.Close()
	f.configure("unix:"+c.daemon, socket)
	f.serve()
	f.well()
}

// cutter stands between Postfix and the daemon, and kills the daemon at a moment.
type cutter struct {
	daemon string // its socket
	kill   func()

	mu    sync.Mutex
	armed moment
}

// arm makes the next such moment the daemon's last.
func (c *cutter) arm(m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = m
}

// strikes reports whether this is the moment, which does not come again.
func (c *cutter) strikes(is func(moment) bool) (m moment, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m = c.armed; m.name == "" || !is(m) {
		return m, false
	}
	c.armed = moment{}
	return m, true
}

func (c *cutter) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go c.pass(conn)
	}
}

// pass passes frames on, both ways, until one side ends.
func (c *cutter) pass(conn net.Conn) {
	defer conn.Close()
	daemon, err := net.Dial("unix", c.daemon)
	if err != nil {
		return
	}
	defer daemon.Close()
	ended := make(chan bool) // the end of a message has been asked for, and its answer is awaited
	asked := make(chan struct{}, 1)
	go func() {
		defer close(ended)
		c.answers(conn, daemon, asked)
		conn.Close()
	}()
	for {
		frame, err := readFrame(conn)
		if err != nil {
			break
		}
		if _, now := c.strikes(func(m moment) bool { return m.reply == 0 && m.command == frame[4] }); now {
			c.kill()
			break
		}
		if frame[4] == 'E' {
			asked <- struct{}{}
		}
		daemon.Write(frame)
	}
	daemon.Close()
	conn.Close()
	<-ended
}

// answers passes the daemon's on. An answer to the end of a message is several frames, edits
// first, which the daemon sends as one.
func (c *cutter) answers(conn, daemon net.Conn, asked <-chan struct{}) {
	var whole []byte
	for {
		frame, err := readFrame(daemon)
		if err != nil {
			return
		}
		select {
		case <-asked:
			whole = frame
		default:
			if whole == nil {
				conn.Write(frame)
				continue
			}
			whole = append(whole, frame...)
		}
		if strings.IndexByte("acyrtd", frame[4]) < 0 {
			continue // an edit
		}
		if m, now := c.strikes(func(m moment) bool { return m.reply > 0 }); now {
			c.kill()
			conn.Write(whole[:len(whole)*(m.reply/10*10)/100])
			return
		}
		conn.Write(whole)
		whole = nil
	}
}

func readFrame(conn net.Conn) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length == 0 || length > 1<<20 {
		return nil, fmt.Errorf("a frame of %d octets", length)
	}
	frame := append(head[:], make([]byte, length)...)
	_, err := io.ReadFull(conn, frame[4:])
	return frame, err
}
