package keys

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/message"
	"onbehalf/tenant"
)

// verify checks all signatures of a message with go-msgauth.
func verify(t testing.TB, r *Ring, mail string) error {
	t.Helper()
	found, err := dkim.VerifyWithOptions(strings.NewReader(mail), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return []string{records(t, r)[name]}, nil },
	})
	if err == nil && len(found) == 0 {
		err = errors.New("no signature")
	}
	for _, v := range found {
		if v.Domain != "old.example" { // the forged one among cases
			err = errors.Join(err, v.Err)
		}
	}
	return err
}

// records gives the DNS for the keys of a ring.
func records(t testing.TB, r *Ring) map[string]string {
	t.Helper()
	zone := make(map[string]string)
	for n, k := range r.keys {
		text, err := Record(k.Public())
		must(t, err)
		zone[tenant.Identity{SDID: n.sdid, Selector: n.selector}.String()] = text
	}
	return zone
}

func TestSignatureVerifies(t *testing.T) {
	r, rsa, ed := testRing(t)
	for _, c := range cases {
		h := header(t, c.header)
		for _, piece := range []int{1, 2, 3, 1000, 65535} {
			if piece == 1 && len(c.body) > 10000 {
				continue
			}
			fields := signed(t, r, h, c.body, piece, rsa, ed)
			if err := verify(t, r, wire(fields, h, c.body)); err != nil {
				t.Errorf("%s, pieces of %d octets: %v", c.name, piece, err)
			}
			if err := verify(t, r, message.Header(fields).String()+h.String()+"\r\n"+c.body); err != nil {
				t.Errorf("%s, without a final line end: %v", c.name, err)
			}
		}
	}
}

func TestSignatureGuards(t *testing.T) {
	r, rsa, ed := testRing(t)
	h, body := header(t, untampered), cases[0].body
	for _, id := range []tenant.Identity{rsa, ed} {
		mail := wire(signed(t, r, h, body, 100, id), h, body)
		for _, c := range tampered {
			if verify(t, r, c.change(mail)) == nil {
				t.Errorf("%s: %s: the signature holds", id, c.name)
			}
		}
		for _, c := range harmless {
			if err := verify(t, r, c.change(mail)); err != nil {
				t.Errorf("%s: %s: %v", id, c.name, err)
			}
		}
	}
}

func TestSignatureFields(t *testing.T) {
	r, rsa, ed := testRing(t)
	label := strings.Repeat("a", 60)
	long := identity(t, label+"."+label, label+".example")
	add(t, r, long, edKey())
	ids := []tenant.Identity{ed, rsa, long}
	for _, c := range cases {
		for i, f := range signed(t, r, header(t, c.header), c.body, 4096, ids...) {
			if f.Name != "DKIM-Signature" || f.Value[0] != ' ' || strings.HasSuffix(f.Value, "\r\n") || !f.Clean() {
				t.Errorf("%s: field is %q", c.name, f)
			}
			for line := range strings.SplitSeq(f.String(), "\r\n") {
				if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
					t.Errorf("%s: line of %d octets", c.name, len(line))
				}
			}
			if tags := " s=" + ids[i].Selector + ";"; !strings.Contains(f.Value, tags) || !strings.Contains(f.Value, " d="+ids[i].SDID.String()+";") {
				t.Errorf("%s: %s is not by %s", c.name, f.Value, ids[i])
			}
		}
	}
}

func TestSignatureTags(t *testing.T) {
	r, rsa, _ := testRing(t)
	value := strings.ReplaceAll(signed(t, r, header(t, plain), "x\r\n", 10, rsa)[0].Text(), ": ", ":") // h= has folds
	want := regexp.MustCompile(`^a=rsa-sha256; bh=\S+; c=relaxed/relaxed; d=tenant\.example; ` +
		`h=From:From:Reply-To:Subject:Subject:To:To:Cc:Date:Date:Message-ID:Message-ID; s=r1; t=\d+; v=1; b=[\w+/= ]+$`)
	if !want.MatchString(value) {
		t.Errorf("value is %s", value)
	}
}

func TestSignRefuses(t *testing.T) {
	r, rsa, _ := testRing(t)
	good := header(t, plain)
	with := func(name, value string) message.Header {
		return append(good[:len(good):len(good)], message.Field{Name: name, Value: value})
	}
	for name, c := range map[string]struct {
		header message.Header
		ids    []tenant.Identity
		want   error // nil: any
	}{
		"no identity":           {good, nil, nil},
		"no key":                {good, []tenant.Identity{rsa, identity(t, "none", "tenant.example")}, nil},
		"other domain":          {good, []tenant.Identity{identity(t, "r1", "other.example")}, nil},
		"zero identity":         {good, []tenant.Identity{{}}, nil},
		"no header":             {nil, []tenant.Identity{rsa}, ErrUnsignable},
		"no From":               {good[1:], []tenant.Identity{rsa}, ErrUnsignable},
		"two From":              {with("FROM", " x@y.example"), []tenant.Identity{rsa}, ErrUnsignable},
		"NUL":                   {with("X", " a\x00b"), []tenant.Identity{rsa}, ErrUnsignable},
		"bare CR":               {with("X", " a\rb"), []tenant.Identity{rsa}, ErrUnsignable},
		"bare LF":               {with("X", " a\n b"), []tenant.Identity{rsa}, ErrUnsignable},
		"injected field":        {with("X", " a\r\nBcc: b@c.example"), []tenant.Identity{rsa}, ErrUnsignable},
		"end of header":         {with("X", " a\r\n\r\nbody"), []tenant.Identity{rsa}, ErrUnsignable},
		"CRLF at the end":       {with("X", " a\r\n"), []tenant.Identity{rsa}, ErrUnsignable},
		"name with a blank":     {with("Subject ", " a"), []tenant.Identity{rsa}, ErrUnsignable},
		"name with a colon":     {with("a:b", " a"), []tenant.Identity{rsa}, ErrUnsignable},
		"name with a line end":  {with("a\r\nb", " a"), []tenant.Identity{rsa}, ErrUnsignable},
		"empty name":            {with("", " a"), []tenant.Identity{rsa}, ErrUnsignable},
		"names that do not fit": {append(named(times(3000, "To")...), good...), []tenant.Identity{rsa}, ErrTooManyFields},
	} {
		before := runtime.NumGoroutine()
		s, err := r.Sign(c.header, c.ids)
		if err == nil || s != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v", name, err)
		}
		wantGoroutines(t, before)
	}
}

func TestBareCRInBody(t *testing.T) {
	r, rsa, _ := testRing(t)
	for _, pieces := range [][]string{{"a\rb\r\n"}, {"a\r", "b\r\n"}, {"a\r\r\n"}, {"a\r"}, {"\r", "\r\n"}, {"a\r\n\r", "b"}} {
		s, err := r.Sign(header(t, plain), []tenant.Identity{rsa})
		must(t, err)
		for _, p := range pieces {
			s.Write([]byte(p))
		}
		if fields, err := s.Fields(); fields != nil || !errors.Is(err, ErrUnsignable) {
			t.Errorf("%q: %v, %v", pieces, fields, err)
		}
	}
}

func TestSignatureEnds(t *testing.T) {
	r, rsa, ed := testRing(t)
	before := runtime.NumGoroutine()
	s, err := r.Sign(header(t, plain), []tenant.Identity{rsa, ed})
	must(t, err)
	if n, err := s.Write(nil); n != 0 || err != nil {
		t.Errorf("writing nothing: %d, %v", n, err)
	}
	_, err = s.Fields()
	must(t, err)
	for range 3 {
		must(t, s.Close())
		if fields, err := s.Fields(); fields != nil || err == nil {
			t.Errorf("Fields after the end: %v, %v", fields, err)
		}
		if n, err := s.Write([]byte("x")); n != 0 || err == nil {
			t.Errorf("Write after the end: %d, %v", n, err)
		}
	}
	wantGoroutines(t, before)
}

func TestCloseFreesGoroutines(t *testing.T) {
	r, rsa, ed := testRing(t)
	before := runtime.NumGoroutine()
	var open []*Signature
	for i := range 100 {
		s, err := r.Sign(header(t, plain), []tenant.Identity{rsa, ed})
		must(t, err)
		if i%2 == 0 {
			s.Write([]byte("half a line"))
		}
		open = append(open, s)
	}
	for _, s := range open {
		must(t, s.Close())
	}
	wantGoroutines(t, before)
}

// A connection may end in one goroutine while another works on its message.
func TestCloseMeanwhile(t *testing.T) {
	r, rsa, ed := testRing(t)
	before := runtime.NumGoroutine()
	var working sync.WaitGroup
	for range 20 {
		s, err := r.Sign(header(t, plain), []tenant.Identity{ed, rsa})
		must(t, err)
		working.Go(func() {
			for range 50 {
				s.Write([]byte("one line\r\n"))
			}
			s.Fields()
		})
		working.Go(func() { s.Close() })
	}
	working.Wait()
	wantGoroutines(t, before)
}

// wantGoroutines waits a little: a goroutine reports before it is gone.
func wantGoroutines(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, want %d", runtime.NumGoroutine(), want)
		}
	}
}

func TestBadSigner(t *testing.T) {
	secretText := "key material"
	for name, c := range map[string]struct {
		sign func([]byte, crypto.SignerOpts) ([]byte, error)
		want string
	}{
		"panic":          {func([]byte, crypto.SignerOpts) ([]byte, error) { panic(secretText) }, "signer panicked with a string"},
		"run time panic": {func(d []byte, _ crypto.SignerOpts) ([]byte, error) { return d[:len(d)+999], nil }, "signer panicked: runtime error: slice bounds out of range"},
		"nil panic":      {func([]byte, crypto.SignerOpts) ([]byte, error) { panic(nil) }, "signer panicked: panic called with nil argument"},
		"error":          {func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, errors.New("module is away") }, "module is away"},
		"empty":          {func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, nil }, "signer returned an empty signature"},
	} {
		before := runtime.NumGoroutine()
		bad, err := NewKey(module{rsaKey().Public(), c.sign})
		must(t, err)
		r, _, ed := testRing(t)
		id := identity(t, "hsm", "tenant.example")
		add(t, r, id, bad)
		s, err := r.Sign(header(t, plain), []tenant.Identity{ed, id})
		must(t, err)
		s.Write([]byte("x\r\n"))
		fields, err := s.Fields()
		if fields != nil || err == nil || !strings.HasPrefix(err.Error(), "hsm._domainkey.tenant.example: "+c.want) || strings.Contains(err.Error(), secretText) {
			t.Errorf("%s: %v, %v", name, fields, err)
		}
		wantGoroutines(t, before)
	}
}

func TestModuleSigns(t *testing.T) {
	used := 0
	k, err := NewKey(module{rsaKey().Public(), func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		used++
		return rsaKey().signer().Sign(nil, digest, opts)
	}})
	must(t, err)
	r, id := new(Ring), identity(t, "hsm", "tenant.example")
	add(t, r, id, k)
	h := header(t, plain)
	if err := verify(t, r, wire(signed(t, r, h, "x\r\n", 1, id), h, "x\r\n")); err != nil || used != 1 {
		t.Errorf("used %d times: %v", used, err)
	}
	s, err := r.Sign(h, []tenant.Identity{id})
	must(t, err)
	if s.Close(); used != 1 {
		t.Error("an aborted message cost a signature")
	}
}

func TestWriteErrorIsRemembered(t *testing.T) {
	r, rsa, _ := testRing(t)
	s, err := r.Sign(header(t, plain), []tenant.Identity{rsa})
	must(t, err)
	_, first := s.Write([]byte("x\rx"))
	_, second := s.Write([]byte("y"))
	if _, err := s.Fields(); first == nil || !errors.Is(err, first) || !errors.Is(second, first) {
		t.Errorf("errors are %v, %v, %v", first, second, err)
	}
}

func TestSignLeavesHeader(t *testing.T) {
	r, rsa, _ := testRing(t)
	h := header(t, cases[len(cases)-3].header)
	before := fmt.Sprint(h)
	body := []byte("x \r\n")
	s, err := r.Sign(h, []tenant.Identity{rsa})
	must(t, err)
	defer s.Close()
	s.Write(body)
	if fmt.Sprint(h) != before || !bytes.Equal(body, []byte("x \r\n")) {
		t.Error("what was given was changed")
	}
}

// Nothing of a body is kept, whatever is in it.
func TestBodyIsNotKept(t *testing.T) {
	r, rsa, ed := testRing(t)
	for name, piece := range map[string]string{
		"blank lines": "\r\n", "blanks": " ", "lines of blanks": " \t \r\n", "text": "a line of text\r\n", "gaps": "a  b\t\tc \r\n\r\n",
	} {
		s, err := r.Sign(header(t, plain), []tenant.Identity{rsa, ed})
		must(t, err)
		s.Write([]byte("text"))
		chunk := bytes.Repeat([]byte(piece), 65535/len(piece))
		size := (50 << 20) / len(chunk)
		if testing.Short() || raced {
			size /= 10
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range size {
			s.Write(chunk)
		}
		s.Write([]byte("end"))
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<10 {
			t.Errorf("%s: %d octets were allocated for %d of the body", name, taken, size*len(chunk))
		}
		_, err = s.Fields()
		must(t, err)
	}
}
