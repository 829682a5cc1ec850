package daemon

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

	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/milter"
	"onbehalf/store"
)

// Options are what a daemon is started with.
type Options struct {
	Config  string    // path of the main configuration file
	Version string    // that it reports
	Log     io.Writer // gets the log; it may stall, and mail goes on
}

// drainTime is what messages get that have come to the end of their header when the daemon ends.
const drainTime = 30 * time.Second

// daemon is one that runs.
type daemon struct {
	options Options
	current atomic.Pointer[Generation]
	level   slog.LevelVar
	log     *slog.Logger
	out     *logWriter
	serving atomic.Bool
	server  *milter.Server
	watcher *watch.Watcher
	store   store.Store
	// recorder keeps what happened.
	recorder *recorder
	// notices has people hear of what they must know.
	notices *notices
	ending  ending
	ballast ballast
	signer  signer
	history history
	clock   *clock.Clock
}

// Run is the daemon. It answers Postfix, reloads at each SIGHUP, and returns after SIGTERM, SIGINT
// or the end of ctx, when messages that have come to the end of their header have finished. An
// error says why it could not start, or which socket failed. A signal before it serves, and an end
// that takes too long, exit the process.
func Run(ctx context.Context, options Options) error {
	reloads := make(chan os.Signal, 1) // one that has not begun yet will see all that is there
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	signal.Ignore(syscall.SIGPIPE) // it would end a daemon whose log is not read any more
	d := &daemon{options: options, ballast: newBallast()}
	ends, cancel := d.awaitEnd()
	defer cancel()
	sdnotify.SdNotify(false, "STATUS=loading the configuration") // a failure shows at READY=1
	first, findings := loadAfter(nil, options.Config, d.loader)
	if first == nil {
		PrintFindings(options.Log, findings)
		return errors.New("not started: fix the errors above; onbehalf check-config shows them too")
	}
	d.openLog(first.Log)
	defer d.out.Close()
	d.current.Store(first)
	boundMemory(first.Limits.Memory)
	d.history.begin(first, findings)
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
	failed := d.serveMilter(sockets.milter, first.Limits.Connections)
	defer d.serveSocketmap(sockets.socketmap, first.Socketmap)()
	defer d.serveAdmin(sockets.admin, first.Admin)()
	d.logFindings(findings)
	d.logEngine(first.loader.Engine)
	d.log.Info("serving", "version", options.Version, "config", first.Summary(), "listen", fmt.Sprint(d.history.listen), "socketmap", d.history.socketmap)
	d.notify("READY=1\nSTATUS=" + first.Summary())
	d.recorder.reconfigured() // since the last run
	defer d.watchLimits()()
	go d.reloadEach(reloads)
	return d.wait(ctx, ends, failed)
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
	time.AfterFunc(stopTime, d.endHard)
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
