package metrics

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/milter/mta"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// TestBounded: neither tenants nor names that clients make up make series.
func TestBounded(t *testing.T) {
	const tenants, forged = 100_000, 10_000
	cast := cases.NewCast(t)
	few := cast.Table(t)
	var many []*tenant.Tenant
	for i := range tenants {
		p, err := tenant.ParsePattern(fmt.Sprintf("t%d.example", i))
		if err != nil {
			t.Fatal(err)
		}
		many = append(many, &tenant.Tenant{ID: fmt.Sprintf("t%d", i), Domains: []tenant.Pattern{p}, Authorization: tenant.Unauthorized,
			FromName: tenant.DefaultFromName(), Policy: few.Tenants()[0].Policy})
	}
	platform := *few.Platform()
	platform.Policy.UnknownDomain = tenant.UnknownPass // nothing is signed, which would take most of the time
	table, err := tenant.NewTable(&platform, many)
	if err != nil {
		t.Fatal(err)
	}
	server := &milter.Server{Current: func() milter.Source { return &cases.Generation{Tenants: table, Keys: cast.Keys} }, Log: slog.New(slog.DiscardHandler)}
	status := admin.NewHandler(admin.Source{Unready: func() *admin.Unready { return nil }, Table: func() *tenant.Table { return table }, Daemon: func() admin.Daemon { return admin.Daemon{} }}).Status
	s := source()
	s.Tally, s.Status = &server.Counts.Tally, status
	before := count(t, s)
	forge(t, server, forged)
	if after := count(t, s); after != before || before > 700 {
		t.Errorf("%d series, and %d after %d names that were made up", before, after, forged)
	}
	if d := server.Counts.Tally.Messages.Durations(); d.Count != forged {
		t.Errorf("%d messages were counted", d.Count)
	}
}

// count returns how many series there are.
func count(t *testing.T, s Source) (n int) {
	t.Helper()
	for _, f := range gather(t, s) {
		n += len(f.Metric)
	}
	return n
}

// forge hands in messages, each with another author, sender, login, client and queue id.
func forge(t *testing.T, server *milter.Server, messages int) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	defer listener.Close()
	client, err := mta.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range messages {
		address := fmt.Sprintf("a%d@forged%d.example", i, i)
		m := mta.Mail{Client: netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), Login: fmt.Sprint("login", i), QueueID: fmt.Sprint("Q", i), Host: "mail.courseware.nl",
			Sender: address, Recipients: []string{"b@receiver.example"}, Header: message.Header{{Name: "From", Value: " " + address}}, Body: []byte("x\r\n")}
		if i%100 == 0 {
			if err := client.Connect(m); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.Send(m); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	for end := time.Now().Add(10 * time.Second); server.Counts.Tally.Messages.Durations().Count < int64(messages) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}
