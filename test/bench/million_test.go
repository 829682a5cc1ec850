package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onbehalf/keys"
)

// BenchmarkMillion starts a daemon with a million tenants, and prints how long that takes, what
// memory it holds, and how long messages take while all of it is reloaded. It wants 5 GB of
// memory; make bench-million runs it.
func BenchmarkMillion(b *testing.B) { onceMillion.Do(func() { million(b) }) }

var onceMillion sync.Once

const tenants = 1_000_000

func million(b *testing.B) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(folder) })
	s := stage{folder, folder}
	s.makeKeys(b)
	program := s.build(b)
	s.manyTenants(b, filepath.Join(folder, keys.EngineOpenSSL, "tenants.d"))
	begin := time.Now()
	p := s.onbehalf(b, program, keys.EngineOpenSSL)
	fmt.Printf("\n%d tenants: serving after %.1f s, %.1f s of processor time, peak of memory %.0f MB\n", tenants, time.Since(begin).Seconds(), p.cpu().Seconds(), p.peak())
	quiet := latencies(b, p, func() { time.Sleep(15 * time.Second) })
	begin = time.Now()
	before := p.cpu()
	busy := latencies(b, p, func() { p.reload(b) })
	fmt.Printf("reload: %.1f s, %.1f s of processor time, peak of memory %.0f MB\n", time.Since(begin).Seconds(), (p.cpu() - before).Seconds(), p.peak())
	fmt.Printf("messages of 4 kB, 200 a second, ms: %8s %8s %8s %8s\n", "median", "p99", "p99.9", "longest")
	for _, c := range []struct {
		name string
		all  []time.Duration
	}{{"quiet", quiet}, {"while reloading", busy}} {
		slices.Sort(c.all)
		at := func(share float64) float64 { return float64(c.all[int(share*float64(len(c.all)-1))]) / 1e6 }
		fmt.Printf("  %-33s %8.2f %8.2f %8.2f %8.2f\n", c.name, at(0.5), at(0.99), at(0.999), at(1))
	}
}

func (s stage) manyTenants(b *testing.B, folder string) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	const files = 10
	for f := range files {
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("many-%d.yaml", f)))
		if err != nil {
			b.Fatal(err)
		}
		out := bufio.NewWriter(file)
		fmt.Fprintln(out, "tenants:")
		for i := f * (tenants / files); i < (f+1)*(tenants/files); i++ {
			fmt.Fprintf(out, "  - id: t%d\n    name: Tenant %d\n    domains: [t%d.example]\n    authorization: unauthorized\n", i, i, i)
		}
		if err := out.Flush(); err != nil {
			b.Fatal(err)
		}
		file.Close()
	}
}

// reload sends SIGHUP, and waits until the log says that it was taken.
func (p *process) reload(b *testing.B) {
	if err := syscall.Kill(p.command.Process.Pid, syscall.SIGHUP); err != nil {
		b.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		text, _ := os.ReadFile(p.socket + ".log")
		if strings.Contains(string(text), "msg=reloaded") {
			return
		}
		if time.Now().After(deadline) || strings.Contains(string(text), "refused") {
			b.Fatal("the reload was not taken")
		}
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
