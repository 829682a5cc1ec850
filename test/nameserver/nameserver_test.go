package nameserver

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

func resolver(s *Server) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr)
		},
	}
}

func TestRecordsCanBeAskedFor(t *testing.T) {
	long := `quotes " and \ ` + strings.Repeat("x", 600)
	r := resolver(Start(t,
		"courseware.nl MX 10 mail.courseware.nl",
		TXT("courseware.nl", "v=spf1 mx -all"),
		TXT("long.courseware.nl", long),
		"alias.yourorganisationname.nl CNAME long.courseware.nl",
	))
	ctx := t.Context()

	if got, err := r.LookupTXT(ctx, "courseware.nl."); err != nil || len(got) != 1 || got[0] != "v=spf1 mx -all" {
		t.Errorf("TXT: %q, %v", got, err)
	}
	if got, err := r.LookupTXT(ctx, "alias.yourorganisationname.nl."); err != nil || len(got) != 1 || got[0] != long {
		t.Errorf("long TXT by way of a CNAME: %q, %v", got, err)
	}
	if got, err := r.LookupMX(ctx, "courseware.nl."); err != nil || len(got) != 1 || got[0].Host != "mail.courseware.nl." {
		t.Errorf("MX: %v, %v", got, err)
	}
}

func TestWhatIsNotPublishedDoesNotExist(t *testing.T) {
	r := resolver(Start(t))
	_, err := r.LookupTXT(t.Context(), "courseware.nl.")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("error is %v, want not found", err)
	}
}
