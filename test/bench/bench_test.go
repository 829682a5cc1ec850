package bench

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/keys"
)

var (
	rounds = flag.Int("rounds", 5, "how often everything is measured; medians are printed")
	quick  = flag.Bool("quick", false, "leave the messages of 50 MB and Postfix out")
)

// variant is a kind of message, by what the daemon does with it.
type variant struct {
	name, sender, client string
	signed               bool
	both                 bool // peers are measured with it too
}

var variants = []variant{
	{"keep, RSA", "courses@university.example", "192.0.2.10", true, true},
	{"keep, RSA and Ed25519", "courses@both.example", "192.0.2.10", true, false},
	{"rewrite", "courses@none.example", "192.0.2.10", true, false},
	{"untrusted, passed", "courses@university.example", "203.0.113.5", false, false},
}

// sizes of bodies, and how many messages of each are sent in a round.
var sizes = []struct {
	name     string
	octets   int
	messages int
}{{"0", 0, 300}, {"4 kB", 4 << 10, 300}, {"100 kB", 100 << 10, 60}, {"1 MB", 1 << 20, 12}, {"50 MB", 50 << 20, 1}}

const line = "The quick brown fox jumps over the lazy dog, and nobody is surprised.\r\n"

func (v variant) mail(octets int) mail {
	m := mail{client: v.client, sender: v.sender, recipient: "student@receiver.example", body: bytes.Repeat([]byte(line), octets/len(line))}
	for _, field := range []string{
		"From: Courses <" + v.sender + ">", "To: student@receiver.example", "Subject: Your course", "Date: Mon, 23 Nov 2026 09:00:00 +0100",
		"Message-ID: <1@university.example>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 7bit",
		"X-Mailer: Courseware 7", "X-Course: 4711", "Auto-Submitted: auto-generated", "Reply-To: Courses <" + v.sender + ">",
	} {
		name, value, _ := strings.Cut(field, ":")
		m.header = append(m.header, [2]string{name, value})
	}
	return m
}

// series are figures of the rounds, by what was measured.
type series map[string][]float64

func (s series) add(key string, value float64) { s[key] = append(s[key], value) }

func (s series) median(key string) float64 {
	all := slices.Sorted(slices.Values(s[key]))
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}

// BenchmarkTable measures everything once and prints it; make bench runs it.
func BenchmarkTable(b *testing.B) { once.Do(func() { table(b) }) }

var once sync.Once

func table(b *testing.B) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(folder) })
	os.Chmod(folder, 0o755)
	s := stage{folder, filepath.Join(folder, "sockets")}
	var instance *mailHost
	if !*quick {
		instance = startPostfix(b)
		s.sockets = instance.sockets
	}
	os.MkdirAll(s.sockets, 0o755)
	private := s.makeKeys(b)
	program := s.build(b)
	peers, missing := s.peers(b)
	ours := []*process{s.onbehalf(b, program, keys.EngineOpenSSL), s.onbehalf(b, program, keys.EngineGo)}
	all := append(slices.Clone(ours), peers...)

	figures := make(series)
	for range *rounds {
		figures.add("openssl speed", opensslSpeed())
		figures.add("crypto/rsa", cryptoRSA(private))
		for _, size := range sizes {
			if *quick && size.octets > 1<<20 {
				continue
			}
			for _, v := range variants {
				for i, p := range all {
					if i >= len(ours) && !v.both {
						continue
					}
					measure(b, figures, p, v, size.name, size.octets, size.messages)
				}
			}
		}
	}
	printHead(missing)
	of := " (median of " + strconv.Itoa(*rounds) + " rounds)"
	printTable("CPU of a message, ms, over 4 connections"+of, "busy", all, ours, figures, "%.3f")
	printTable("CPU of a message, ms, over one connection"+of, "alone", all, ours, figures, "%.3f")
	printTable("Messages a second, over 4 connections", "rate", all, ours, figures, "%.0f")
	printRatios(ours, peers, figures)
	if instance != nil {
		instance.measure(b, all)
	}
	fmt.Println("\nPeak memory, MB")
	for _, p := range all {
		fmt.Printf("  %-18s %7.1f\n", p.name, p.peak())
	}
}

// measure sends messages over one connection, and over four side by side. Over one, a message pays
// for the processors that fall asleep while it is waited for, and has caches to itself; over four,
// it costs what it does on a host that has much to send, and there are so many in a second. The
// ratios are those of four.
func measure(b *testing.B, figures series, p *process, v variant, size string, octets, messages int) {
	m, key := v.mail(octets), p.name+"|"+v.name+"|"+size
	send(b, p, v, m, 1, 1) // what is done once is done
	for connections, kind := range map[int]string{1: "alone|", 4: "busy|"} {
		before, start := p.cpu(), time.Now()
		n := send(b, p, v, m, connections, messages)
		took := time.Since(start)
		time.Sleep(10 * time.Millisecond) // for the log lines behind the last reply
		figures.add(kind+key, float64(p.cpu()-before)/1e6/n)
		if connections > 1 {
			figures.add("rate|"+key, n/took.Seconds())
		}
	}
}

// send sends messages over connections side by side, and returns how many.
func send(b *testing.B, p *process, v variant, m mail, connections, messages int) float64 {
	connections = min(connections, messages)
	var sending sync.WaitGroup
	for range connections {
		c, err := converse(p.socket, m)
		if err != nil {
			b.Fatalf("%s: %v", p.name, err)
		}
		sending.Go(func() {
			defer c.close()
			for range messages / connections {
				if signed, err := c.send(m); err != nil || signed != v.signed {
					b.Errorf("%s: %s: signed: %t, %v", p.name, v.name, signed, err)
					return
				}
			}
		})
	}
	sending.Wait()
	return float64(messages / connections * connections)
}

var speed = regexp.MustCompile(`rsa 2048 bits ([0-9.]+)s`)

// opensslSpeed returns the milliseconds that OpenSSL's own benchmark takes for a signature: the
// floor.
func opensslSpeed() float64 {
	out, _ := exec.Command("openssl", "speed", "-seconds", "1", "rsa2048").Output()
	match := speed.FindSubmatch(out)
	if match == nil {
		return 0
	}
	seconds, _ := strconv.ParseFloat(string(match[1]), 64)
	return seconds * 1000
}

// cryptoRSA returns the milliseconds of processor time that Go takes for a signature.
func cryptoRSA(private *rsa.PrivateKey) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	digest := sha256.Sum256(nil)
	const signatures = 300
	before := threadTime()
	for range signatures {
		rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	}
	return float64(threadTime()-before) / 1e6 / signatures
}

func threadTime() int64 {
	var spent unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &spent)
	return spent.Nano()
}

func printHead(missing []string) {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, model, _ := strings.Cut(string(text), "model name\t: ")
	model, _, _ = strings.Cut(model, "\n")
	features := ""
	if strings.Contains(string(text), "avx512ifma") {
		features = " with AVX512-IFMA"
	}
	engine := keys.OpenEngine(keys.EngineAuto, nil).Status()
	fmt.Printf("\nProcessor: %s%s, %d in use; engine auto: %s\n", model, features, runtime.GOMAXPROCS(0), cmp.Or(engine.Version, "Go: "+engine.Problem))
	if len(missing) > 0 {
		fmt.Printf("Not installed, and not measured: %s\n", strings.Join(missing, ", "))
	}
}

func printTable(title, kind string, all, ours []*process, figures series, format string) {
	fmt.Printf("\n%s\n  %-40s", title, "")
	for _, size := range sizes {
		fmt.Printf("%10s", size.name)
	}
	fmt.Println()
	for i, p := range all {
		for _, v := range variants {
			if i >= len(ours) && !v.both {
				continue
			}
			fmt.Printf("  %-40s", p.name+": "+v.name)
			for _, size := range sizes {
				fmt.Printf("%10s", orDash(format, figures.median(kind+"|"+p.name+"|"+v.name+"|"+size.name)))
			}
			fmt.Println()
		}
	}
	if kind == "busy" {
		fmt.Printf("  %-40s%10s%10.3f\n", "RSA-2048 alone: openssl speed", "", figures.median("openssl speed"))
		fmt.Printf("  %-40s%10s%10.3f\n", "RSA-2048 alone: crypto/rsa", "", figures.median("crypto/rsa"))
	}
}

func orDash(format string, value float64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

// printRatios compares rounds of one run: what holds whatever the machine.
func printRatios(ours, peers []*process, figures series) {
	cpu := func(p *process, v int, size string) float64 {
		return figures.median("busy|" + p.name + "|" + variants[v].name + "|" + size)
	}
	fmt.Println("\nRatios of CPU over 4 connections")
	show := func(what string, a, b float64) {
		if a > 0 && b > 0 {
			fmt.Printf("  %-60s %5.2f\n", what, a/b)
		}
	}
	show("onbehalf openssl, 4 kB, against openssl speed", cpu(ours[0], 0, "4 kB"), figures.median("openssl speed"))
	show("onbehalf go, 4 kB, against crypto/rsa", cpu(ours[1], 0, "4 kB"), figures.median("crypto/rsa"))
	for _, p := range peers {
		for _, size := range sizes {
			show("onbehalf openssl, "+size.name+", against "+p.name, cpu(ours[0], 0, size.name), cpu(p, 0, size.name))
		}
	}
	for _, size := range sizes {
		if a, b := cpu(ours[0], 1, size.name), cpu(ours[0], 0, size.name); a > 0 && b > 0 {
			fmt.Printf("  %-60s %+5.0f µs\n", "a second signature (Ed25519), "+size.name, (a-b)*1000)
		}
	}
}
