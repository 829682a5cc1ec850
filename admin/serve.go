package admin

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of what those who ask can make us hold. A connection serves one question: none
// is left to be forgotten.
const (
	maxConnections = 16 // more wait in the kernel's queue
	maxHeader      = 16 << 10
	readTime       = 5 * time.Second  // for a request
	writeTime      = 30 * time.Second // for working out an answer and sending it
)

// Serve answers on a listener until the server that it gives is closed. The log gets what
// net/http has to say, a panic of the handler for one.
func Serve(l net.Listener, h http.Handler, log *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       readTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	server.SetKeepAlivesEnabled(false)
	go func() {
		if err := server.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin socket answers no more; mail goes on", "error", err, "remedy", "systemctl restart onbehalf")
		}
	}()
	return server
}
