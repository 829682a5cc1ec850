package record_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"onbehalf/authorize/record"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// The public keys of these tests, whose private keys nobody has.
var (
	rsa2048 = madeUp(2048)
	rsa1024 = madeUp(1024)
	ed      = ed25519.PublicKey(bytes.Repeat([]byte{7}, ed25519.PublicKeySize))
)

func madeUp(bits int) *rsa.PublicKey {
	modulus := new(big.Int).Lsh(big.NewInt(3), uint(bits-2))
	return &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(987654321)), E: 65537}
}

func spki(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return der
}

func b64(octets []byte) string { return base64.StdEncoding.EncodeToString(octets) }

// TestParseKey has in each text a P for the RSA key. Every row without an error is of a form that dkimpy,
// Mail::DKIM, OpenDKIM and go-msgauth all take, if it is for mail and SHA-256.
func TestParseKey(t *testing.T) {
	p := b64(spki(rsa2048))
	good := record.DKIM{Algorithm: tenant.RSA, SHA256: true, Email: true}
	but := func(edit func(*record.DKIM)) record.DKIM { k := good; edit(&k); return k }
	var (
		testing = but(func(k *record.DKIM) { k.Testing = true })
		ownOnly = but(func(k *record.DKIM) { k.OwnOnly = true })
		noHash  = but(func(k *record.DKIM) { k.SHA256 = false })
		noMail  = but(func(k *record.DKIM) { k.Email = false })
	)
	for text, row := range map[string]struct {
		want record.DKIM
		err  string // part of it
	}{
		// RFC 6376 section 3.6.1: all but p= may be left out.
		"v=DKIM1; k=rsa; p=P": {want: good},
		"p=P":                 {want: good},
		"k=rsa; p=P":          {want: good},
		"p=P; k=rsa":          {want: good},
		"v=DKIM1;p=P;":        {want: good},
		"v=DKIM1;p=P; ":       {want: good},
		"v=DKIM1; n=a note; t=s; p=P; x_1=unknown; z=": {want: ownOnly},

		// White space is allowed around names and values, and in p=.
		" v=DKIM1; p=P":                                 {want: good},
		"\tv = DKIM1 ;\r\n\tk = rsa ; p = P ":           {want: good},
		"p=" + p[:9] + " " + p[9:20] + "\r\n " + p[20:]: {want: good},
		"p=" + p[:9] + "\n" + p[9:]:                     {want: good},
		"p=" + p[:9] + "\t" + p[9:]:                     {err: "is not base64"},

		// The version comes first, if at all.
		"k=rsa; v=DKIM1; p=P": {err: "it must begin with v=DKIM1"},
		"v=DKIM2; p=P":        {err: "it must begin with v=DKIM1"},
		"v=dkim1; p=P":        {err: "it must begin with v=DKIM1"},
		"v=; p=P":             {err: "it must begin with v=DKIM1"},
		"v=DKIM1 p=P":         {err: "it must begin with v=DKIM1"},
		"v=DKIM10; p=P":       {err: "it must begin with v=DKIM1"},
		"V=DKIM1; p=P":        {want: good}, // V= is a tag that nobody knows

		// Algorithms, to the letter.
		"k=ed25519; p=P": {want: but(func(k *record.DKIM) { k.Algorithm = tenant.Ed25519 })},
		"k=RSA; p=P":     {want: but(func(k *record.DKIM) { k.Algorithm = "RSA" })},
		"k=; p=P":        {want: but(func(k *record.DKIM) { k.Algorithm = "" })},
		"K=ed25519; p=P": {want: good},

		// Hashes.
		"h=sha256; p=P":        {want: good},
		"h=sha1:sha256; p=P":   {want: good},
		"h=sha256:sha512; p=P": {want: good},
		"h = sha256 ; p=P":     {want: good},
		"h=sha1 : sha256; p=P": {want: noHash}, // to Mail::DKIM
		"h=sha1; p=P":          {want: noHash},
		"h=SHA256; p=P":        {want: noHash},
		"h=sha2560; p=P":       {want: noHash},
		"h=; p=P":              {want: noHash},

		// Services.
		"s=*; p=P":            {want: good},
		"s=email; p=P":        {want: good},
		"s= email ; p=P":      {want: good},
		"s=email:tlsrpt; p=P": {want: noMail}, // to dkimpy
		"s=tlsrpt:*; p=P":     {want: noMail}, // to dkimpy
		"s=tlsrpt; p=P":       {want: noMail},
		"s=EMAIL; p=P":        {want: noMail},
		"s=; p=P":             {want: noMail},

		// Flags. Any sign of a test is one.
		"t=y; p=P":      {want: testing},
		"t=s; p=P":      {want: ownOnly},
		"t=x:y; p=P":    {want: testing},
		"t=x : y ; p=P": {want: testing},
		"t=s:\ty; p=P":  {want: but(func(k *record.DKIM) { k.Testing, k.OwnOnly = true, true })},
		"t=yes; p=P":    {want: good},
		"t=; p=P":       {want: good},

		// Granularity, of RFC 4871.
		"g=*; p=P":   {want: good},
		"g=; p=P":    {err: "g= tag is obsolete"},
		"g=joe; p=P": {err: "g= tag is obsolete"},

		// No tag-list.
		"":                           {err: "no p= tag"},
		";":                          {err: `"" is not a tag`},
		"v=DKIM1":                    {err: "no p= tag"},
		"v=DKIM1; P=P":               {err: "no p= tag"},
		"v=DKIM1; k=rsa":             {err: "no p= tag"},
		"v=DKIM1;; p=P":              {err: `"" is not a tag`},
		"; v=DKIM1; p=P":             {err: `"" is not a tag`},
		"v=DKIM1; p=P;;":             {err: `"" is not a tag`},
		"v=DKIM1; rsa; p=P":          {err: `"rsa" is not a tag`},
		"v=DKIM1; =rsa; p=P":         {err: `"" is not the name of a tag`},
		"v=DKIM1; 1k=rsa; p=P":       {err: `"1k" is not the name of a tag`},
		"v=DKIM1; x-y=1; p=P":        {err: `"x-y" is not the name of a tag`},
		"@=1; p=P":                   {err: `"@" is not the name of a tag`},
		"`=1; p=P":                   {err: "is not the name of a tag"},
		"a[=1; p=P":                  {err: `"a[" is not the name of a tag`},
		"a{=1; p=P":                  {err: `"a{" is not the name of a tag`},
		"Az_09=1; p=P":               {want: good},
		"v=DKIM1; k l=1; p=P":        {err: `"k l" is not the name of a tag`},
		"v=DKIM1, k=rsa, p=P":        {err: "it must begin with v=DKIM1"},
		"v=DKIM1; k=rsa; k=rsa; p=P": {err: "tag k appears twice"},
		"v=DKIM1; p=P; p=":           {err: "tag p appears twice"},
		"v=DKIM1; z=1; z=2; p=P":     {err: "tag z appears twice"},
		"hello":                      {err: `"hello" is not a tag`},
		strings.Repeat("x", 99):      {err: `"` + strings.Repeat("x", 60) + `..." is not a tag`},

		// What OpenDKIM does not read.
		"n=h\u00e9; p=P":    {err: "'é', which is not printable ASCII"},
		"v=DKIM1;\u00a0p=P": {err: `'\u00a0', which is not printable ASCII`},
		"n=\xff; p=P":       {err: "which is not printable ASCII"},
		"n=\x00; p=P":       {err: `'\x00', which is not printable ASCII`},
		"n=\x7f; p=P":       {err: `'\x7f', which is not printable ASCII`},
		"n=\v; p=P":         {err: `'\v', which is not printable ASCII`},
		"p=P\u200b":         {err: `'\u200b', which is not printable ASCII`},

		// Pasted.
		`"v=DKIM1; p=P"`:            {err: "quotation marks were pasted in"},
		` "v=DKIM1; p=P" `:          {err: "quotation marks were pasted in"},
		`v=DKIM1; p=P"`:             {err: "quotation marks were pasted in"},
		`"v=DKIM1; p=P`:             {err: "quotation marks were pasted in"},
		`v=DKIM1; p=AAAA" "AAAA`:    {err: "quotation marks between the parts"},
		`v=DKIM1; p=AAAA""AAAA`:     {err: `its p= holds "\"", which is not base64`},
		`v=DKIM1\; p=P`:             {err: "backslashes before the semicolons"},
		`v=DKIM1; n="quoted" ; p=P`: {want: good},
		`( "v=DKIM1; p=P" )`:        {err: "is not the name of a tag"},

		// p= that is no base64.
		"p=" + p[:len(p)-1]: {err: "some of it was cut off"},
		"p=" + p[:len(p)-2]: {err: "some of it was cut off"},
		"p=P=":              {err: "some of it was cut off"},
		"p=P.":              {err: `its p= holds ".", which is not base64`},
		"p=" + strings.NewReplacer("A", "-").Replace(p): {err: `its p= holds "-", which is not base64`},
	} {
		got, err := record.ParseKey(strings.NewReplacer("=P", "="+p, "= P", "= "+p).Replace(text))
		switch {
		case row.err != "":
			if err == nil || !strings.Contains(err.Error(), row.err) {
				t.Errorf("%q: %v, not %q", text, err, row.err)
			}
			continue
		case err != nil:
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !bytes.Equal(got.Data, spki(rsa2048)) {
			t.Errorf("%q: %x", text, got.Data)
		}
		got.Data = nil
		if got.Algorithm != row.want.Algorithm || got.Testing != row.want.Testing || got.OwnOnly != row.want.OwnOnly || got.SHA256 != row.want.SHA256 || got.Email != row.want.Email {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestRevoked(t *testing.T) {
	for _, text := range []string{"p=", "v=DKIM1; p=", "v=DKIM1; k=rsa; p= ; n=gone", "v=DKIM1; p=\r\n "} {
		if k, err := record.ParseKey(text); err != nil || !k.Revoked() || k.Is(rsa2048) || k.Is(ed) || k.CutFrom(rsa2048) {
			t.Errorf("%q: %+v, %v", text, k, err)
		}
	}
	if k := parsed(t, "p=AAAA"); k.Revoked() {
		t.Error("a key of three octets is revoked")
	}
}

func parsed(t testing.TB, text string) record.DKIM {
	t.Helper()
	k, err := record.ParseKey(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return k
}

func TestIs(t *testing.T) {
	for _, row := range []struct {
		text        string
		isRSA, isEd bool
	}{
		{"k=rsa; p=" + b64(spki(rsa2048)), true, false},
		{"p=" + b64(spki(rsa2048)), true, false},
		{"k=rsa; p=" + b64(spki(rsa1024)), false, false},
		{"k=rsa; p=" + b64(x509.MarshalPKCS1PublicKey(rsa2048)), false, false}, // OpenDKIM and Mail::DKIM do not read it
		{"k=ed25519; p=" + b64(spki(rsa2048)), false, false},
		{"k=RSA; p=" + b64(spki(rsa2048)), false, false},
		{"k=rsa; p=" + b64(append(spki(rsa2048), 0)), false, false},
		{"k=rsa; p=" + b64(spki(rsa2048)[:293]), false, false},
		{"k=ed25519; p=" + b64(ed), false, true},
		{"k=ed25519; p=" + b64(spki(ed)), false, false}, // RFC 8463 section 4.2: the 32 octets
		{"k=rsa; p=" + b64(ed), false, false},
		{"p=" + b64(ed), false, false},
		{"k=ed25519; p=" + b64(ed[:31]), false, false},
	} {
		k := parsed(t, row.text)
		if k.Is(rsa2048) != row.isRSA || k.Is(ed) != row.isEd {
			t.Errorf("%s: %v, %v", row.text, k.Is(rsa2048), k.Is(ed))
		}
		if k.Is(nil) || k.Is("key") || k.Is(&ed) || k.Is(*rsa2048) {
			t.Errorf("%s is what is no key", row.text)
		}
	}
}

// TestOwn has what we tell people to publish be what we look for.
func TestOwn(t *testing.T) {
	for _, public := range []crypto.PublicKey{rsa2048, rsa1024, ed} {
		text, err := keys.Record(public)
		if err != nil {
			t.Fatal(err)
		}
		if k := parsed(t, text); !k.Is(public) || !k.SHA256 || !k.Email || k.Testing || k.OwnOnly || k.Revoked() || k.CutFrom(public) {
			t.Errorf("%s: %+v", text, k)
		}
	}
}

// TestCutFrom cuts our record at every length.
func TestCutFrom(t *testing.T) {
	text, err := keys.Record(rsa2048)
	if err != nil {
		t.Fatal(err)
	}
	start := strings.Index(text, "p=") + 2
	for length := start + 60; length < len(text); length++ {
		k, err := record.ParseKey(text[:length])
		if whole := (length-start)%4 == 0; whole != (err == nil) || err != nil && !strings.Contains(err.Error(), "cut off") {
			t.Errorf("%d octets: %v", length, err)
		}
		if !k.CutFrom(rsa2048) || k.CutFrom(rsa1024) || k.Is(rsa2048) {
			t.Errorf("%d octets are not from our key: %d of it", length, len(k.Data))
		}
	}
	another := &rsa.PublicKey{N: new(big.Int).Add(rsa2048.N, new(big.Int).Lsh(big.NewInt(1), 2040)), E: 65537}
	for name, k := range map[string]record.DKIM{
		"another":       {Data: spki(another)[:100]},
		"all alike":     {Data: spki(another)[:33]},
		"whole":         {Data: spki(rsa2048)},
		"longer":        {Data: append(spki(rsa2048), 1)},
		"short":         {Data: spki(rsa2048)[:44]},
		"revoked":       {},
		"the other key": {Data: spki(rsa1024)[:100]},
		"the end":       {Data: spki(rsa2048)[100:]},
	} {
		if k.CutFrom(rsa2048) {
			t.Errorf("%s is cut from our key", name)
		}
	}
}

// FuzzParseKey: what is published is one thing.
func FuzzParseKey(f *testing.F) {
	for _, public := range []crypto.PublicKey{rsa1024, ed} {
		text, err := keys.Record(public)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
		f.Add(strings.ReplaceAll(text, ";", `\;`))
	}
	for _, text := range []string{"", ";", "p=", "v=DKIM1; h=sha256:x; s=*; t=y:s; g=*; n=\"; p= AA AA ==", "p=\xff", `" " p=`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := record.ParseKey(text)
		isRSA, isEd, cut := k.Is(rsa1024), k.Is(ed), k.CutFrom(rsa1024)
		switch {
		case err != nil && (isRSA || isEd):
			t.Errorf("%q is a key, and is not: %v", text, err)
		case k.Revoked() && (isRSA || isEd || cut), isRSA && isEd, isRSA && cut:
			t.Errorf("%q: revoked %v, RSA %v, Ed25519 %v, cut %v", text, k.Revoked(), isRSA, isEd, cut)
		case err == nil && record.Pasted(text) != "":
			t.Errorf("%q is good, and pasted", text)
		case err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\r\n\x00")):
			t.Errorf("%q: %q", text, err)
		}
		if again, err2 := record.ParseKey(text + ";"); err == nil && !strings.HasSuffix(strings.TrimRight(text, " \t\r\n"), ";") && (err2 != nil || !bytes.Equal(again.Data, k.Data)) {
			t.Errorf("%q with a final semicolon: %v", text, err2)
		}
	})
}
