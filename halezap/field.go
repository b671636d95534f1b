package halezap

import (
	"context"
	"log/slog"
	"math"
	"reflect"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/hale-go/hale"
)

// Context returns a field that carries ctx: a record with it bears the identity that
// ctx has, as [hale.LogHandler] writes it, whatever the core, and is counted and kept
// under its task. Given to a logger by With it holds for all its records, with the
// incident of that time. The identity stands where the field does: before any
// Namespace it is at the top. A nil ctx has none.
func Context(ctx context.Context) zapcore.Field {
	return zapcore.Field{Type: zapcore.InlineMarshalerType, Interface: carrier{ctx}}
}

type carrier struct{ ctx context.Context }

// MarshalLogObject implements [zapcore.ObjectMarshaler].
func (c carrier) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for _, a := range hale.IdentityAttrs(c.ctx) {
		enc.AddString(a.Key, a.Value.String())
	}
	return nil
}

// maxAttrs bounds how many fields of a record are looked at.
const maxAttrs = 64

// convert gives the fields that hale looks at to take. It returns the context that is
// among them, else ctx, and what stands before the keys of later fields.
func convert(fields []zapcore.Field, ctx context.Context, prefix string, take func(slog.Attr)) (context.Context, string) {
	for i := range fields {
		f := &fields[i]
		switch f.Type {
		case zapcore.InlineMarshalerType:
			if c, ok := f.Interface.(carrier); ok && c.ctx != nil {
				ctx = c.ctx
			}
		case zapcore.NamespaceType:
			prefix += f.Key + "."
		case zapcore.SkipType:
		default:
			take(slog.Attr{Key: prefix + f.Key, Value: valueOf(f)})
		}
	}
	return ctx, prefix
}

// valueOf returns the value of a field. What anybody's code would have to render is
// left to zap: of it only the type is shown.
func valueOf(f *zapcore.Field) slog.Value {
	switch f.Type {
	case zapcore.StringType:
		return slog.StringValue(f.String)
	case zapcore.BoolType:
		return slog.BoolValue(f.Integer == 1)
	case zapcore.Int64Type, zapcore.Int32Type, zapcore.Int16Type, zapcore.Int8Type:
		return slog.Int64Value(f.Integer)
	case zapcore.Uint64Type, zapcore.Uint32Type, zapcore.Uint16Type, zapcore.Uint8Type, zapcore.UintptrType:
		return slog.Uint64Value(uint64(f.Integer)) //nolint:gosec // how zap keeps it
	case zapcore.Float64Type:
		return slog.Float64Value(math.Float64frombits(uint64(f.Integer))) //nolint:gosec // how zap keeps it
	case zapcore.Float32Type:
		return slog.Float64Value(float64(math.Float32frombits(uint32(f.Integer)))) //nolint:gosec // how zap keeps it
	case zapcore.DurationType:
		return slog.DurationValue(time.Duration(f.Integer))
	case zapcore.TimeType:
		t := time.Unix(0, f.Integer)
		if loc, ok := f.Interface.(*time.Location); ok && loc != nil {
			t = t.In(loc)
		}
		return slog.TimeValue(t)
	case zapcore.ErrorType, zapcore.ByteStringType, zapcore.BinaryType:
		return slog.AnyValue(f.Interface) // hale contains an error that panics
	}
	if f.Interface == nil {
		return slog.AnyValue(nil)
	}
	return slog.StringValue(reflect.TypeOf(f.Interface).String())
}

// levelOf returns the level of slog for one of zap's. Those above Error are FATAL.
func levelOf(l zapcore.Level) slog.Level {
	switch {
	case l <= zapcore.ErrorLevel:
		return slog.Level(int(l) * 4)
	default:
		return hale.LevelFatal
	}
}
