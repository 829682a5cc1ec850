package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"onbehalf/socket"
)

// Bounds of what those who ask can make us hold. A connection serves one question: none
// is left to be forgotten.
const (
	maxConnections = 64 // for one more, the one whose question has been awaited longest is closed
	maxHeader      = 16 << 10
	readTime       = 5 * time.Second  // for a request
	writeTime      = 30 * time.Second // for working out an answer and sending it
)

// Serve answers on a listener, which the log calls by a name, until the server that it returns is
// closed. The log gets what net/http has to say, a panic of the handler for one.
func Serve(name string, l net.Listener, h http.Handler, log *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:           begun{h},
		ReadHeaderTimeout: readTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       readTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, c)
		},
	}
	server.SetKeepAlivesEnabled(false)
	gate := &socket.Gate{Limit: maxConnections, Log: log}
	go func() {
		if err := server.Serve(gate.At(l)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a socket beside the milter's no longer answers; mail goes on", "socket", name, "error", err, "remedy", "systemctl restart onbehalf")
		}
	}()
	return server
}

// connection is where a request's context holds its *socket.Conn.
type connection struct{}

// begun is a handler whose connections are no longer closed for others: their questions have come.
type begun struct{ http.Handler }

func (b begun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connection{}).(*socket.Conn); ok && !c.Enter(socket.Begun) {
		panic(http.ErrAbortHandler) // it has just been closed
	}
	b.Handler.ServeHTTP(w, r)
}
