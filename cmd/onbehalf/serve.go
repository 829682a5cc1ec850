package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/milter"
)

func (p *program) serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Answer Postfix: the daemon",
		Long: `Answer Postfix on the sockets that systemd hands over or, without such, on those in
listen, in the foreground, with the log on standard error. SIGHUP reloads the configuration, keys
and secrets; when anything is wrong with them, all stays as it was. SIGTERM cuts messages that have
not come to the end of their header, which their clients send again, lets the others finish (30
seconds at most) and ends.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runServe(cmd.Context()) },
	}
}

// drainTime is what messages get that have come to the end of their header when the daemon ends.
const drainTime = 30 * time.Second

// daemon is serve, running.
type daemon struct {
	program *program
	current atomic.Pointer[loaded]
	level   slog.LevelVar
	log     *slog.Logger
	out     *logWriter
	serving atomic.Bool
	server  *milter.Server
	watcher *watch.Watcher
	ending  ending
	ballast ballast
	signer  signer
	memory  memory
	clock   *clock.Clock
}

func (p *program) runServe(ctx context.Context) error {
	reloads := make(chan os.Signal, 1) // one that has not begun yet will see all that is there
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	signal.Ignore(syscall.SIGPIPE) // it would end a daemon whose log nobody reads any more
	d := &daemon{program: p, ballast: newBallast()}
	ends, cancel := d.awaitEnd()
	defer cancel()
	sdnotify.SdNotify(false, "STATUS=loading the configuration") // a failure shows at READY=1
	first, findings := loadAfter(nil, p.config, d.loader)
	if first == nil {
		printFindings(p.err, findings)
		return errors.New("not started: fix the errors above; onbehalf check-config shows them too")
	}
	d.out = newLogWriter(p.err, func(w io.Writer) *slog.Logger { return newLogger(w, first.Log, &d.level) })
	defer d.out.Close()
	d.log = newLogger(d.out, first.Log, &d.level)
	slog.SetDefault(d.log) // the milter library logs by package log
	d.current.Store(first)
	boundMemory(first.Limits.Memory)
	d.memory.begin(first, findings)
	sockets, err := d.openSockets(first.Listen) // first: if another daemon has them, nothing of its is touched
	if err != nil {
		return err
	}
	endWatch, err := d.watch(first)
	if err != nil {
		sockets.close()
		return err
	}
	defer endWatch()
	d.server = &milter.Server{Current: d.state, Log: d.log, Now: d.clock.Now, Besides: d.clock.Others, Seen: d.watcher.Seen,
		Limits: milter.Limits{Connections: first.Limits.Connections}}
	d.memory.listen = addresses(sockets.milter)
	d.serving.Store(true)
	failed := d.serveMilter(sockets.milter)
	defer d.serveSocketmap(sockets.socketmap, first.Socketmap)()
	defer d.serveAdmin(sockets.admin, first.Admin)()
	d.logFindings(findings)
	d.logEngine(first.loader.Engine)
	d.log.Info("serving", "version", version, "config", first.summary(), "listen", fmt.Sprint(d.memory.listen), "socketmap", d.memory.socketmap)
	d.notify("READY=1\nSTATUS=" + first.summary())
	go d.reloadEach(reloads)
	return d.wait(ctx, ends, failed)
}

// state returns what messages are decided by.
func (d *daemon) state() milter.State {
	now := d.current.Load()
	return milter.State{Table: now.table, Keys: now.ring, Addresses: now.Log.Addresses, Memory: now.Limits.Memory}
}

func (d *daemon) wait(ctx context.Context, ends <-chan string, failed <-chan error) error {
	select {
	case why := <-ends:
		return d.stop(why)
	case <-ctx.Done():
		return d.stop("cancelled")
	case err := <-failed:
		return errors.Join(err, d.stop("a socket failed"))
	}
}

// stop lets messages that have come to the end of their header finish.
func (d *daemon) stop(why string) error {
	d.notify("STOPPING=1\nSTATUS=letting messages under way finish")
	d.log.Info("stopping", "why", why)
	noReload := make(chan struct{})
	go func() { d.ending.begin(); close(noReload) }()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := d.server.Shutdown(ctx)
	if err != nil {
		d.log.Warn("not all messages could finish", "error", err)
	}
	<-noReload
	c := &d.server.Counts
	d.log.Info("stopped", "kept", c.Kept.Load(), "rewritten", c.Rewritten.Load(), "passed", c.Passed.Load(),
		"forwarded", c.Forwarded.Load(), "refused", c.Refused.Load(), "deferred", c.Deferred.Load(), "fragile", c.Fragile.Load())
	return nil
}
