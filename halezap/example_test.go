package halezap_test

import (
	"context"
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halezap"
)

// A record bears the task that it was written in, and hale keeps it.
func ExampleContext() {
	rt, err := hale.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rt.Close() }()
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	log := zap.New(halezap.NewCore(zapcore.NewCore(encoder, zapcore.Lock(os.Stdout), zap.DebugLevel)))
	task := rt.Go(context.Background(), "orders.create", func(ctx context.Context) error {
		log.Info("order created", halezap.Context(ctx), zap.Int("order", 42))
		return nil
	})
	_ = task.Wait()
	for _, r := range rt.Records(task.ID()) {
		fmt.Println(r.Task, r.Message, r.Attrs)
	}
	// Output:
	// {"msg":"order created","task":"orders.create#1","domain":"orders","order":42}
	// orders.create#1 order created order=42
}
