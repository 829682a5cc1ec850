package daemon

import (
	"context"
	"io"
	"log/slog"

	"onbehalf/config"
)

// openLog begins to log as the configuration asks.
func (d *daemon) openLog(conf config.Log) {
	d.out = newLogWriter(d.options.Log, func(w io.Writer) *slog.Logger { return newLogger(w, conf, &d.level) })
	d.log = newLogger(d.out, conf, &d.level)
	slog.SetDefault(d.log) // the milter library logs by package log
}

// newLogger logs as the configuration asks. The level may change later.
func newLogger(w io.Writer, conf config.Log, level *slog.LevelVar) *slog.Logger {
	level.Set(conf.Level)
	options := &slog.HandlerOptions{Level: level}
	if conf.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func (d *daemon) logFindings(findings config.Findings) {
	for _, f := range findings {
		level := slog.LevelError
		if f.Level == config.Warning {
			level = slog.LevelWarn
		}
		d.log.Log(context.Background(), level, "configuration", "level", f.Level.String(), "finding", f.String())
	}
}
