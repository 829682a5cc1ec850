package test

import (
	"testing"

	"onbehalf/socket"
	"onbehalf/test/peer"
)

// BenchmarkPostfix passes messages of 4 kB through one SMTP session of a real
// Postfix, which discards them: without a milter, and with onbehalf behind a unix and
// a TCP socket, signing with RSA-2048 and Ed25519.
func BenchmarkPostfix(b *testing.B) {
	addr := peer.FreeAddr(b)
	for name, settings := range map[string]string{
		"none": "smtpd_milters =\n",
		"unix": "",
		"tcp":  "smtpd_milters = inet:" + addr + "\n",
	} {
		b.Run(name, func(b *testing.B) {
			h := buildWith(b, func(string) string { return settings + "default_transport = discard:\n" })
			listener, err := socket.Listen("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			go h.server.Serve(listener)
			c := find(b, "row02-authorized")
			for len(c.Body) < 4096 {
				c.Body = append(c.Body, "The quick brown fox jumps over the lazy dog.\r\n"...)
			}
			h.play(c)
			client := h.dial(b, c.Message)
			octets := c.Octets()
			b.ResetTimer()
			for range b.N {
				if reply := send(client, c.Message, octets); !reply.OK() {
					b.Fatal(reply)
				}
			}
		})
	}
}
