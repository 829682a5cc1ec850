package milter

import (
	"log/slog"
	"sync"
	"time"
)

// headless notices a Postfix that shows us no messages: with smtpd_proxy_filter the outer
// SMTP server shows a milter MAIL and RCPT and then nothing, because the message goes to the
// filter. The zero value is ready; it may be used by many goroutines.
type headless struct {
	mu     sync.Mutex
	empty  int // messages that showed no header, since the last warning or quarter of an hour
	shown  int // those that did
	since  time.Time
	warned time.Time
}

const (
	manyHeadless   = 5 // a few are normal: a client looks whether a recipient exists, or goes away
	headlessPeriod = 15 * time.Minute
	warnEvery      = time.Hour
)

// note counts a message that has ended. Those with the null sender are left out: that is
// how other hosts ask whether a recipient exists.
func (h *headless) note(t *transaction) {
	if len(t.message.Envelope.ForwardPaths) == 0 || t.message.Envelope.ReversePath.Null() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.started.Sub(h.since) > headlessPeriod {
		h.empty, h.shown, h.since = 0, 0, t.started
	}
	if t.shown {
		h.shown++
		return
	}
	h.empty++
	if h.empty < manyHeadless || h.empty < h.shown || t.started.Sub(h.warned) < warnEvery {
		return
	}
	h.warned = t.started
	t.server.Log.Warn("sessions with MAIL and RCPT show no header: nothing in them is signed or rewritten",
		slog.Int("messages", h.empty),
		slog.String("remedy", "if Postfix has smtpd_proxy_filter, call onbehalf from the SMTP server after the filter"))
}
