package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/authorize/watch"
	"onbehalf/milter"
)

func (p *program) serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Answer Postfix: the daemon",
		Long: `Answer Postfix on the sockets that systemd hands over or, without such, on those in
listen, in the foreground, with the log on standard error. SIGHUP reloads the configuration, keys and secrets; when anything is wrong with
them, all stays as it was. SIGTERM lets messages under way finish (30 seconds at most)
and ends.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runServe(cmd.Context()) },
	}
}

// drainTime is what messages under way get when the daemon ends.
const drainTime = 30 * time.Second

// daemon is serve, running.
type daemon struct {
	program *program
	current atomic.Pointer[loaded]
	level   slog.LevelVar
	log     *slog.Logger
	server  *milter.Server
	watcher *watch.Watcher
	ending  ending
	ballast ballast
	signer  signer
	memory  memory
}

func (p *program) runServe(ctx context.Context) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	d := &daemon{program: p, ballast: newBallast()}
	first, findings := loadAfter(nil, p.config, d.loader)
	if first == nil {
		printFindings(p.err, findings)
		return errors.New("not started: mend the errors above; onbehalf check-config shows them too")
	}
	d.log = newLogger(p.err, first.Log, &d.level)
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
	d.server = &milter.Server{Current: d.state, Log: d.log, Seen: d.watcher.Seen}
	d.memory.listen = addresses(sockets.milter)
	failed := d.serveMilter(sockets.milter)
	defer d.serveSocketmap(sockets.socketmap, first.Socketmap)()
	defer d.serveAdmin(sockets.admin, first.Admin)()
	d.logFindings(findings)
	d.logEngine(first.loader.Engine)
	d.log.Info("serving", "version", version, "config", first.summary(), "listen", fmt.Sprint(d.memory.listen), "socketmap", d.memory.socketmap)
	d.notify("READY=1\nSTATUS=" + first.summary())
	return d.wait(ctx, signals, failed)
}

// state gives a message what it is decided by.
func (d *daemon) state() milter.State {
	now := d.current.Load()
	return milter.State{Table: now.table, Keys: now.ring, Addresses: now.Log.Addresses, Memory: now.Limits.Memory}
}

func (d *daemon) wait(ctx context.Context, signals <-chan os.Signal, failed <-chan error) error {
	reloads := make(chan struct{}, 1)
	defer close(reloads)
	go d.reloadEach(reloads)
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGHUP {
				return d.stop(s.String())
			}
			select {
			case reloads <- struct{}{}:
			default: // one that has not begun yet will see all that is there
			}
		case <-ctx.Done():
			return d.stop("cancelled")
		case err := <-failed:
			return errors.Join(err, d.stop("a socket failed"))
		}
	}
}

// stop lets messages under way finish.
func (d *daemon) stop(why string) error {
	d.ending.begin()
	d.notify("STOPPING=1\nSTATUS=letting messages under way finish")
	d.log.Info("stopping", "why", why)
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := d.server.Shutdown(ctx)
	if err != nil {
		d.log.Warn("not all messages could finish", "error", err)
	}
	c := &d.server.Counts
	d.log.Info("stopped", "kept", c.Kept.Load(), "rewritten", c.Rewritten.Load(), "passed", c.Passed.Load(),
		"forwarded", c.Forwarded.Load(), "refused", c.Refused.Load(), "deferred", c.Deferred.Load(), "fragile", c.Fragile.Load())
	return nil
}
