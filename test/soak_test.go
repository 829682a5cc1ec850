package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onbehalf/milter/mta"
	"onbehalf/test/nameserver"
	"onbehalf/test/postfix"
)

// soakTenants are one whose mail stays its own, and one whose mail is rewritten.
const soakTenants = watchedTenants + `  - id: union
    name: Student Union
    domains: [union.example]
    authorization: unauthorized
`

// TestSoak has a host work under a mixed load, with a reload each second and a fault every three,
// and counts. Nothing is lost, twice, unsigned or altered, and the daemon holds in the end what
// it held in the beginning. SOAKTIME is how long (make soak); 20 seconds otherwise.
func TestSoak(t *testing.T) {
	length := 20 * time.Second
	if text := os.Getenv("SOAKTIME"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := openSoak(t)
	s.phase(3*time.Second, nil)
	before := s.footprint()

	faults := []func(*soak){(*soak).reloadPostfix, (*soak).killDaemon, (*soak).cutMilter, (*soak).breakDNS, (*soak).killDaemon, (*soak).silenceDNS}
	s.phase(length/2, faults)
	s.replace() // one daemon lives through the second half
	s.phase(length/2, []func(*soak){(*soak).reloadPostfix, (*soak).cutMilter, (*soak).breakDNS, (*soak).silenceDNS})
	s.drain()
	after := s.footprint()
	s.judge(before, after)
}

// soak is the host, its load and what has become of it.
type soak struct {
	*faults
	load    *load
	arrived *arrivals
	done    map[string]int // faults, by name
}

func openSoak(t *testing.T) *soak {
	t.Setenv("ONBEHALF_PLATFORM_FROM", "{reply}@reply.courseware.nl")
	t.Setenv("GOTRACEBACK", "all")
	p := &premises{t: t, sink: postfix.StartSink(t), folder: shortDir(t)}
	s := &soak{faults: &faults{watched: &watched{premises: p}, parent: t}, done: make(map[string]int)}
	p.postfix = postfix.Start(t, postfix.Options{NextHop: p.sink.Addr, Main: mainCF(t) +
		"relay_domains = bounces.courseware.nl, reply.courseware.nl\nrelay_recipient_maps =\nsmtpd_client_connection_count_limit = 0\n"})
	p.build()
	p.furnish(soakTenants)
	s.publish(nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), s.key(customer), s.key("reply."+platforms))
	p.serve()
	s.await("the tenant to be in row 2", func() bool {
		out, _, _ := p.run("status", "yourorg")
		return strings.Contains(out, "row 2")
	})
	s.load = &load{smtp: p.postfix.SMTPAddr, sent: make(map[string]bool)}
	s.arrived = &arrivals{record: p.record, load: s.load, times: make(map[string]int)}
	ended, collected := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(collected)
		s.arrived.collect(p.sink, ended)
	}()
	t.Cleanup(func() { close(ended); <-collected })
	return s
}

// phase puts load on the host for a while: with a reload each second and a fault every three, if
// there are any.
func (s *soak) phase(length time.Duration, faults []func(*soak)) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	for _, one := range kinds {
		workers.Go(func() { s.load.work(ctx, one) })
	}
	workers.Go(func() { s.load.cut(ctx) })
	end := time.Now().Add(length)
	for n := 1; time.Now().Before(end); n++ {
		time.Sleep(time.Second)
		if len(faults) == 0 {
			continue
		}
		s.daemon.Process.Signal(syscall.SIGHUP)
		s.done["reloads"]++
		if n%3 == 0 {
			faults[n/3%len(faults)](s)
		}
	}
	cancel()
	workers.Wait()
}

func (s *soak) reloadPostfix() {
	s.postfixCommand(s.postfix, "reload")
	s.done["reloads of Postfix"]++
}

func (s *soak) killDaemon() {
	s.kill()
	s.serve()
	s.done["kills"]++
}

// replace is a restart, which lets messages under way finish.
func (s *soak) replace() {
	s.stop()
	s.serve()
}

func (s *soak) breakDNS() {
	s.house.nameserver.Fail(s.t)
	time.Sleep(time.Second)
	s.house.nameserver.Restore(s.t)
	s.done["times without DNS"]++
}

func (s *soak) silenceDNS() {
	s.house.nameserver.Hang(s.t)
	time.Sleep(time.Second)
	s.house.nameserver.Restore(s.t)
	s.done["times without DNS"]++
}

// cutMilter ends connections to the daemon in mid-message, as a Postfix that dies.
func (s *soak) cutMilter() {
	for range 20 {
		client, err := mta.Dial("unix", s.postfix.QueueDir+"/onbehalf/milter.sock")
		if err != nil {
			s.t.Fatal(err)
		}
		client.Ask('M', "<"+kept+">")
		client.WriteRaw([]byte("\x00\x00\x01\x00LFrom\x00half of a frame"))
		client.Close()
	}
	s.done["connections cut"] += 20
}

// drain waits until all that was taken has arrived. What was being delivered when Postfix was
// reloaded is tried again 60 seconds later.
func (s *soak) drain() {
	s.t.Helper()
	s.postfixCommand(s.postfix, "flush")
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if s.postfix.Queue(s.t) == "" && len(s.arrived.missing()) == 0 {
			return
		}
	}
}

// footprint is what the daemon holds when nothing is under way.
type footprint struct{ memory, descriptors, goroutines int }

func (f footprint) String() string {
	return fmt.Sprintf("%d kB of memory, %d descriptors, %d goroutines", f.memory, f.descriptors, f.goroutines)
}

// footprint measures the daemon, and starts another in its place: that a Go program tells its
// goroutines ends it (SIGQUIT).
func (s *soak) footprint() (f footprint) {
	s.t.Helper()
	time.Sleep(2 * time.Second) // sessions end
	proc := fmt.Sprintf("/proc/%d/", s.daemon.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	s.must(err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	f.memory, err = strconv.Atoi(strings.Fields(rest)[0])
	s.must(err)
	open, err := filepath.Glob(proc + "fd/*")
	s.must(err)
	f.descriptors = len(open)
	before := len(s.log.String())
	s.daemon.Process.Signal(syscall.SIGQUIT)
	s.daemon.Wait()
	f.goroutines = strings.Count(s.log.String()[before:], "\ngoroutine ")
	s.daemon = nil
	s.serve()
	return f
}

// judge prints what was counted, and fails the test when it is not as it should be. Memory may
// grow by a quarter and 16 MB: what the garbage collector leaves for later differs that much.
func (s *soak) judge(before, after footprint) {
	s.t.Helper()
	s.load.mu.Lock()
	s.arrived.mu.Lock()
	defer s.load.mu.Unlock()
	defer s.arrived.mu.Unlock()
	a, l := s.arrived, s.load
	lost, twice := a.missingLocked(), a.twice()
	s.t.Logf("sent %d (%s)", len(l.sent), counted(l.kinds()))
	s.t.Logf("received %d, lost %d, twice %d, unsigned %d, altered %d, unasked %d, refused %d", len(a.times), len(lost), len(twice), len(a.unsigned), len(a.altered), len(a.unasked), len(l.refused))
	s.t.Logf("tried again %d, cut in mid-message %d, of Postfix itself %d; %s", l.again, l.cuts, a.others, counted(s.done))
	s.t.Logf("before: %s", before)
	s.t.Logf("after:  %s", after)
	for what, which := range map[string][]string{"lost": lost, "twice": twice, "unsigned": a.unsigned, "altered": a.altered, "unasked": a.unasked, "refused": l.refused} {
		if len(which) > 0 {
			s.t.Errorf("%s: %d, such as %q", what, len(which), which[:min(5, len(which))])
		}
	}
	for _, one := range kinds {
		if l.kinds()[one.name] == 0 {
			s.t.Errorf("no message of the kind %s was sent", one.name)
		}
	}
	switch {
	case before.goroutines == 0 || after.goroutines == 0:
		s.t.Error("the daemon did not tell its goroutines")
	case after.memory > before.memory*5/4+16<<10, after.descriptors > before.descriptors+5, after.goroutines > before.goroutines+10:
		s.t.Error("the daemon holds more than before")
	}
	for _, octets := range a.samples {
		s.house.verifySigned(s.t, octets)
	}
}
