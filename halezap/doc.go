// Package halezap gives the log records of go.uber.org/zap to hale, as
// [hale.LogHandler] does those of log/slog: they bear the identity of the task, are
// kept as evidence and counted for the detectors.
//
// Zap's loggers know no context. [Context] is a field that carries one:
//
//	log := zap.New(halezap.NewCore(zapcore.NewCore(encoder, out, zap.DebugLevel)))
//	log.Info("order created", halezap.Context(ctx), zap.Int("order", 42))
//
// or, for several records, log.With(halezap.Context(ctx)).
package halezap
