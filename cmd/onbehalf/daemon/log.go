package daemon

import (
	"context"
	"io"
	"log/slog"

	"onbehalf/config"
)

// openLog begins to log as the configuration asks.
func (d *daemon) openLog(conf config.Log) {
	toJournal := isJournal(d.options.Log)
	logger := func(w io.Writer) *slog.Logger { return newLogger(w, conf, &d.level, toJournal) }
	d.out = newLogWriter(d.options.Log, logger)
	d.log = logger(d.out)
	slog.SetDefault(d.log) // the milter library logs by package log
}

// newLogger logs as the configuration asks. The level may change later.
func newLogger(w io.Writer, conf config.Log, level *slog.LevelVar, toJournal bool) *slog.Logger {
	level.Set(conf.Level)
	options := &slog.HandlerOptions{Level: level}
	if toJournal {
		return slog.New(newJournal(w, conf.Format, *options))
	}
	if conf.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func (d *daemon) logFindings(findings config.Findings) {
	for _, f := range findings {
		d.log.Log(context.Background(), levelOf(f), "configuration", "level", f.Level.String(), "finding", f.String())
	}
}

// levelOf returns the level at which a finding is logged.
func levelOf(f config.Finding) slog.Level {
	if f.Level == config.Warning {
		return slog.LevelWarn
	}
	return slog.LevelError
}
