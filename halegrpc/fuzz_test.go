package halegrpc_test

import (
	"context"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halegrpc"
)

// FuzzMetadata serves and makes calls with whatever clients send, and then sends only
// what gRPC can.
func FuzzMetadata(f *testing.F) {
	f.Add("r-7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1", "tenant=acme")
	f.Add("", "00", "", "=;,")
	f.Add("größe\x00", "ff-\xff", "ö", "ö=ü")
	rt := newRuntime(f)
	serve, call := halegrpc.UnaryServerInterceptor(rt), halegrpc.UnaryClientInterceptor(rt)
	f.Fuzz(func(t *testing.T, id, parent, state, baggage string) {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{
			"x-request-id": {id}, "traceparent": {parent}, "tracestate": {state, state}, "baggage": {baggage},
		})
		_, err := serve(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/x/Y"}, func(ctx context.Context, _ any) (any, error) {
			if got := hale.RequestID(ctx); got == "" || len(got) > 128 || !utf8.ValidString(got) {
				t.Errorf("ID %q", got)
			}
			return nil, call(ctx, "/x/Z", nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
				md, _ := metadata.FromOutgoingContext(ctx)
				for key, values := range md {
					for _, v := range values {
						for i := range len(v) {
							if v[i] < ' ' || v[i] > '~' {
								t.Errorf("%s: %q cannot be sent", key, v)
							}
						}
					}
				}
				if len(md["traceparent"]) != 1 || len(md["x-request-id"]) != 1 {
					t.Errorf("%v", md)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	})
}
