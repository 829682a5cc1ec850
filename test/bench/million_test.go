package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"onbehalf/keys"
)

// BenchmarkMillion starts a daemon with a million tenants, and prints how long that takes, what
// memory it holds, and how long messages take meanwhile: while it reloads with nothing changed, with
// one file of ten changed, and with all read again because the platform's policy has changed. It wants
// 5 GB of memory; make bench-million runs it.
func BenchmarkMillion(b *testing.B) { onceMillion.Do(func() { million(b) }) }

var onceMillion sync.Once

const tenants, tenantsFiles = 1_000_000, 10

func million(b *testing.B) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(folder) })
	s := stage{folder, folder}
	s.makeKeys(b)
	program := s.build(b)
	own := filepath.Join(folder, keys.EngineOpenSSL)
	s.manyTenants(b, filepath.Join(own, "tenants.d"))
	time.Sleep(settling)
	begin := time.Now()
	p := s.onbehalf(b, program, keys.EngineOpenSSL)
	fmt.Printf("\n%d tenants: serving after %.1f s, %.1f s of processor time, peak of memory %.0f MB\n", tenants, time.Since(begin).Seconds(), p.cpu().Seconds(), p.peak())
	fmt.Printf("messages of 4 kB, 200 a second, ms: %32s %8s %8s %8s %8s %8s %8s\n", "median", "p99", "p99.9", "longest", "s", "cpu s", "peak MB")
	p.meanwhile(b, "after the first start", func() { p.settle(b) })
	p.meanwhile(b, "quiet", func() { time.Sleep(15 * time.Second) })
	p.meanwhile(b, "reload, nothing changed", func() { p.reload(b) })
	p.meanwhile(b, "reload, one file of ten changed", func() {
		s.append(b, filepath.Join(own, "tenants.d", "many-3.yaml"), "  - {id: another, domains: [another.example]}\n")
		p.reload(b)
	})
	p.settle(b)
	p.meanwhile(b, "reload, all changed", func() {
		s.append(b, filepath.Join(own, "onbehalf.yaml"), "policy: {keep_envelope: false}\n")
		p.reload(b)
	})
}

// settling is more than the time after which the daemon relies on the times of a file.
const settling = 5 * time.Second

// meanwhile prints how long messages take while something else is done, and what that costs.
func (p *process) meanwhile(b *testing.B, what string, work func()) {
	begin, before := time.Now(), p.cpu()
	all := latencies(b, p, work)
	took, cpu := time.Since(begin), p.cpu()-before
	slices.Sort(all)
	at := func(share float64) float64 { return float64(all[int(share*float64(len(all)-1))]) / 1e6 }
	fmt.Printf("  %-60s %8.2f %8.2f %8.2f %8.2f %8.1f %8.1f %8.0f\n", what, at(0.5), at(0.99), at(0.999), at(1), took.Seconds(), cpu.Seconds(), p.peak())
}

// settle waits until the daemon does nothing but mail: it keeps history behind a start or reload.
func (p *process) settle(b *testing.B) {
	const messages = 0.2 // of a processor
	for deadline := time.Now().Add(5 * time.Minute); ; {
		before := p.cpu()
		time.Sleep(2 * time.Second)
		if (p.cpu()-before).Seconds()/2 < messages {
			return
		}
		if time.Now().After(deadline) {
			b.Fatal("the daemon does not come to rest")
		}
	}
}

func (s stage) append(b *testing.B, path, text string) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err != nil {
		b.Fatal(err)
	}
	file.Close()
}

func (s stage) manyTenants(b *testing.B, folder string) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	for f := range tenantsFiles {
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("many-%d.yaml", f)))
		if err != nil {
			b.Fatal(err)
		}
		out := bufio.NewWriter(file)
		fmt.Fprintln(out, "tenants:")
		for i := f * (tenants / tenantsFiles); i < (f+1)*(tenants/tenantsFiles); i++ {
			fmt.Fprintf(out, "  - id: t%d\n    name: Tenant %d\n    domains: [t%d.example]\n    authorization: unauthorized\n", i, i, i)
		}
		if err := out.Flush(); err != nil {
			b.Fatal(err)
		}
		file.Close()
	}
}

// reload sends SIGHUP, and waits until the log says that it was taken. Of the log it reads what is
// new: all of it are megabytes, and to read them takes a processor from the daemon.
func (p *process) reload(b *testing.B) {
	log, err := os.Open(p.socket + ".log")
	if err == nil {
		defer log.Close()
		_, err = log.Seek(0, io.SeekEnd)
	}
	if err == nil {
		err = syscall.Kill(p.command.Process.Pid, syscall.SIGHUP)
	}
	if err != nil {
		b.Fatal(err)
	}
	var line []byte // that is not whole yet
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		more, err := io.ReadAll(log)
		text := append(line, more...)
		switch {
		case err != nil:
			b.Fatal(err)
		case bytes.Contains(text, []byte("refused")) || time.Now().After(deadline):
			b.Fatalf("the reload was not taken: %s", text)
		case bytes.Contains(text, []byte("msg=reloaded")):
			time.Sleep(2 * time.Second) // history is compared behind it
			return
		}
		line = text[bytes.LastIndexByte(text, '\n')+1:]
	}
}

// latencies returns how long messages take that are sent, 200 a second over four connections, as
// long as something else is done.
func latencies(b *testing.B, p *process, meanwhile func()) []time.Duration {
	m := variants[0].mail(4 << 10)
	ended := make(chan struct{})
	var mu sync.Mutex
	var all []time.Duration
	var sending sync.WaitGroup
	for range 4 {
		sending.Go(func() {
			c, err := converse(p.socket, m)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.close()
			for tick := time.NewTicker(20 * time.Millisecond); ; {
				select {
				case <-ended:
					return
				case <-tick.C:
				}
				start := time.Now()
				if signed, err := c.send(m); err != nil || !signed {
					b.Errorf("signed: %t, %v", signed, err)
					return
				}
				mu.Lock()
				all = append(all, time.Since(start))
				mu.Unlock()
			}
		})
	}
	meanwhile()
	close(ended)
	sending.Wait()
	return all
}
