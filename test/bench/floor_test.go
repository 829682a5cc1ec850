package bench

import (
	"bufio"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"onbehalf/keys/openssl"
)

// BenchmarkFloor prints what Postfix takes in a second from milters that do nothing, or only one
// thing: what a milter costs before it has done any work.
func BenchmarkFloor(b *testing.B) { onceFloor.Do(func() { floor(b) }) }

var onceFloor sync.Once

func floor(b *testing.B) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(folder) })
	os.Chmod(folder, 0o755)
	instance := startPostfix(b)
	s := stage{folder, instance.sockets}
	os.MkdirAll(s.sockets, 0o755)
	signer := signerOf(b, s.makeKeys(b))
	all := []*process{s.onbehalf(b, s.build(b), "openssl")}
	for _, m := range []idle{
		{name: "accepts at connect", atConnect: 'a'},
		{name: "answers the end", protocol: noReplies},
		{name: "and adds a field", protocol: noReplies, fields: 1},
		{name: "and answers RCPT", protocol: noReplies &^ silent['R'], fields: 1},
		{name: "and end of header", protocol: noReplies &^ silent['R'] &^ silent['N'], fields: 1},
		{name: "and signs by RSA", protocol: noReplies &^ silent['R'] &^ silent['N'], fields: 1, signer: signer},
	} {
		all = append(all, &process{name: m.name, socket: m.listen(b, s)})
	}
	instance.measure(b, all)
}

// signerOf returns the key in the hands of OpenSSL.
func signerOf(b *testing.B, private *rsa.PrivateKey) *openssl.Key {
	b.Helper()
	library, err := openssl.Open()
	if err != nil {
		b.Fatal(err)
	}
	key, err := library.NewKey(x509.MarshalPKCS1PrivateKey(private))
	if err != nil {
		b.Fatal(err)
	}
	return key
}

// noReplies asks for no reply to anything but the end of the message.
const noReplies = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x40000 | 0x80000

// idle is a milter that looks at nothing.
type idle struct {
	name      string
	atConnect byte // the answer to the connection; 0: go on
	protocol  uint32
	fields    int          // that it adds, of the size of a signature
	signer    *openssl.Key // signs a digest at the end; nil: nothing is signed
}

func (m idle) listen(b *testing.B, s stage) (socket string) {
	socket = filepath.Join(s.sockets, strings.ReplaceAll(m.name, " ", "-"))
	listener, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	os.Chmod(socket, 0o666) // Postfix is another user
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go m.converse(conn)
		}
	}()
	return socket
}

func (m idle) converse(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		var head [5]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		if _, err := in.Discard(int(binary.BigEndian.Uint32(head[:])) - 1); err != nil || head[4] == 'Q' {
			return
		}
		if answer := m.answer(head[4]); len(answer) > 0 {
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
}

// answer returns the frames that answer a command; empty: none are due.
func (m idle) answer(command byte) (frames []byte) {
	put := func(code byte, data string) {
		frames = append(binary.BigEndian.AppendUint32(frames, uint32(1+len(data))), code)
		frames = append(frames, data...)
	}
	switch {
	case command == 'O':
		words := binary.BigEndian.AppendUint32(nil, 2)
		words = binary.BigEndian.AppendUint32(words, 0x1) // adds fields
		put('O', string(binary.BigEndian.AppendUint32(words, m.protocol)))
	case command == 'C' && m.atConnect != 0:
		put(m.atConnect, "")
	case command == 'E':
		if m.signer != nil {
			m.signer.Sign(make([]byte, sha256.Size))
		}
		for range m.fields {
			put('i', "\x00\x00\x00\x00DKIM-Signature\x00"+fmt.Sprintf("v=1; b=%s", strings.Repeat(strings.Repeat("x", 70)+"\n ", 9))+"x\x00")
		}
		put('c', "")
	case strings.IndexByte("DA", command) < 0 && m.protocol&silent[command] == 0:
		put('c', "")
	}
	return frames
}
