package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"onbehalf/authorize/resolve"
	"onbehalf/tenant"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"

	"onbehalf/admin"
	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/counters"
	"onbehalf/milter"
	"onbehalf/store"
)

// Options are what a daemon is started with.
type Options struct {
	// Check does what onbehalf check does, for who asks the daemon in its place.
	Check   func(context.Context, *Generation, *resolve.Client, string, *tenant.Tenant) (any, error)
	Config  string    // path of the main configuration file
	Version string    // that it reports
	Log     io.Writer // gets the log; it may stall, and mail goes on
	// User is whom a daemon that root starts is to run as; nil: it stays who it is.
	User *access.User
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
	notices   *notices
	counters  *counters.Counters
	ending    ending
	ballast   ballast
	signer    signer
	proof     proof
	readiness readiness
	history   history
	clock     *clock.Clock
	refused   atomic.Pointer[admin.Unready] // why mail is deferred while current is nil
	handler   *admin.Handler                // who answers at the sockets beside the milter's
	handed    sockets                       // by systemd, to a daemon that defers mail
	quiet     quiet                         // of the files that are to be adopted
	closers   []func()                      // of what runs beside the milter; the last one ends first
}

// Run is the daemon. It answers Postfix, reloads at each SIGHUP, and returns after SIGTERM,
// SIGINT or the end of ctx, when messages that have come to the end of their header have
// finished. An error says why it could not start, or which socket failed. Where systemd holds the
// sockets, a daemon that cannot start answers at them all the same, and defers mail (defer.go). A
// signal before it serves, and an end that takes too long, exit the process.
func Run(ctx context.Context, options Options) error {
	reloads := make(chan os.Signal, 1) // one that has not begun yet will see all that is there
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	signal.Ignore(syscall.SIGPIPE) // it would end a daemon whose log is not read any more
	if options.User != nil {
		return becomeUser(options, options.User)
	}
	d := &daemon{options: options, ballast: newBallast()}
	d.history.started = time.Now()
	ends, cancel := d.awaitEnd()
	defer cancel()
	sdnotify.SdNotify(false, "STATUS=loading the configuration") // a failure shows at READY=1
	started := duringStart()
	first, findings := loadAfter(nil, d.options.Config, d.loader)
	started()
	sockets, err := inherit()
	if err != nil || first == nil && len(sockets.milter) == 0 {
		sockets.close()
		return errors.Join(err, d.notStarted(first, findings))
	}
	failed, err := d.begin(first, findings, sockets)
	if err != nil {
		return err
	}
	defer d.close()
	go d.reloadEach(reloads)
	return d.wait(ctx, ends, failed)
}

// notStarted says what is wrong with a configuration that did not load, and returns that there is
// no start with it; nil: it did load.
func (d *daemon) notStarted(first *Generation, findings config.Findings) error {
	if first != nil {
		return nil
	}
	PrintFindings(d.options.Log, findings)
	return errors.New("not started: fix the errors above; onbehalf check-config shows them too")
}

// begin begins to serve by a first generation. Where there is none, or it cannot be served by,
// and systemd holds the sockets, it begins to defer mail. The result is where a socket that fails
// says so.
func (d *daemon) begin(first *Generation, findings config.Findings, sockets sockets) (failed <-chan error, err error) {
	handed := len(sockets.milter) > 0
	if first == nil {
		return d.beginToDefer(findings, nil, sockets)
	}
	d.openLog(first.Log)
	if !handed { // first: if another daemon has them, nothing of its is touched
		sockets.milter, err = openAll(first.Listen)
	}
	if err == nil {
		err = d.adopt(first, findings)
	}
	if err != nil && handed {
		return d.beginToDefer(findings, err, sockets)
	}
	if err != nil {
		sockets.close()
		d.out.Close()
		return nil, err
	}
	d.current.Store(first)
	failed = d.serveMilter(sockets.milter, first.Limits.Connections)
	d.serveBeside(sockets, first.Config)
	d.closers = append(d.closers, d.watchLimits(), d.proveKeys())
	d.begun(first, findings, sockets, handed)
	return failed, nil
}

// adopt makes ready what a first generation works by.
func (d *daemon) adopt(first *Generation, findings config.Findings) error {
	endWatch, err := d.watch(first)
	if err != nil {
		return err
	}
	d.closers = append([]func(){endWatch}, d.closers...) // when nothing answers any more
	boundMemory(first.Limits.Memory)
	d.history.begin(first, findings)
	forgetRefusal()
	return nil
}

// begun says that mail is decided from here on.
func (d *daemon) begun(first *Generation, findings config.Findings, sockets sockets, handed bool) {
	if handed {
		d.warnOfIdle("listen", "onbehalf.socket", first.Listen, sockets.milter)
	} else {
		d.warnOfRoot()
	}
	d.server.Counts.Tally.Follow(first.Metrics.Tenants)
	d.warnOfSocketmap(sockets.socketmap, first.Socketmap)
	d.logFindings(findings)
	d.logEngine(first.loader.Engine)
	d.logServers()
	d.log.Info("serving", "version", d.options.Version, "config", first.Summary(), "listen", fmt.Sprint(d.history.listen), "socketmap", d.history.socketmap)
	d.notify("READY=1\nSTATUS=" + first.Summary())
	d.recorder.reconfigured() // since the last run
}

// close ends what runs beside the milter, and the log.
func (d *daemon) close() {
	for _, end := range slices.Backward(d.closers) {
		end()
	}
	d.out.Close()
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
