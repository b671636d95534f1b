package haleotel

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/internal/lookup"
	"github.com/hale-go/hale/observe"
)

// spanName is what the operation of a span depends on. Most spans have no more than
// their own name.
type spanName struct {
	kind   trace.SpanKind
	name   string
	method string // HTTP's
	where  string // a route that was served, or whom a client called
}

// names remembers the operations of spans, so that most are found without a copy of
// their names.
type names struct {
	rt    *hale.Runtime
	known lookup.Table[spanName, *hale.Operation]
}

// Bounds of what is remembered. Further names work and cost more.
const (
	maxNames   = 2048
	maxNameLen = 512
)

// otherName is the operation in which hale counts what its table has no room for.
const otherName = "hale.other"

// atStart returns the operation of a span as far as it is known when it begins. Only
// of a client's span the attributes are asked for, which makes the SDK copy them.
func (n *names) atStart(s sdktrace.ReadWriteSpan) *hale.Operation {
	if s.SpanKind() != trace.SpanKindClient {
		return n.operation(spanName{kind: s.SpanKind(), name: s.Name()})
	}
	return n.operation(nameOf(s.SpanKind(), s.Name(), s.Attributes()))
}

// atEnd returns the operation of a span that has ended.
func (n *names) atEnd(s sdktrace.ReadOnlySpan) *hale.Operation {
	return n.operation(nameOf(s.SpanKind(), s.Name(), s.Attributes()))
}

// nameOf finds what tells the operation of a span, in the attributes of the present
// semantic conventions and of those before 1.21.
func nameOf(kind trace.SpanKind, name string, attrs []attribute.KeyValue) spanName {
	out := spanName{kind: kind, name: name}
	if kind != trace.SpanKindServer && kind != trace.SpanKindClient {
		return out
	}
	var route, service, address, system string
	for i := range attrs {
		var to *string
		switch attrs[i].Key {
		case "http.request.method", "http.method":
			to = &out.method
		case "http.route":
			to = &route
		case "peer.service", "service.peer.name":
			to = &service
		case "server.address", "net.peer.name":
			to = &address
		case "db.system.name", "db.system", "messaging.system":
			to = &system
		default:
			continue
		}
		*to = attrs[i].Value.AsString()
	}
	switch {
	case kind == trace.SpanKindServer:
		out.where = route
	case service != "":
		out.where = service
	case system != "" && out.method == "":
		out.where = system
	case out.method != "": // an RPC's name says whom it calls
		out.where = address
	}
	if out.where == "" || strings.Contains(name, out.where) {
		out.method, out.where = "", ""
	}
	return out
}

// String returns the operation's name.
func (s spanName) String() string {
	switch {
	case s.where == "":
		return s.name
	case s.method != "":
		return s.method + " " + s.where
	}
	return s.where + " " + s.name
}

// operation returns the operation of a span.
func (n *names) operation(s spanName) *hale.Operation {
	if op, ok := n.known.Get(s); ok {
		return op
	}
	op := n.rt.Operation(kindOf(s.kind), s.String(), domainOf(s))
	if len(s.name)+len(s.method)+len(s.where) > maxNameLen || op.Name() == otherName || n.known.Len() >= maxNames {
		return op
	}
	s.name, s.method, s.where = strings.Clone(s.name), strings.Clone(s.method), strings.Clone(s.where)
	n.known.Add(s, maxNames, func() *hale.Operation { return op })
	return op
}

// domainOf is whom a client calls, where that is known, else as usual.
func domainOf(s spanName) observe.Domain {
	if s.kind == trace.SpanKindClient {
		return observe.Domain(s.where)
	}
	return ""
}

func kindOf(k trace.SpanKind) observe.OperationKind {
	switch k {
	case trace.SpanKindServer, trace.SpanKindConsumer:
		return observe.Server
	case trace.SpanKindClient, trace.SpanKindProducer:
		return observe.Client
	case trace.SpanKindInternal, trace.SpanKindUnspecified:
	}
	return observe.Internal
}

// outcome returns in one word how a span ended.
func (p *SpanProcessor) outcome(s sdktrace.ReadOnlySpan, failed bool) string {
	out := ""
	for _, a := range s.Attributes() {
		switch a.Key {
		case errorTypeKey:
			if t := a.Value.AsString(); t != "" && failed {
				return t
			}
		case "http.response.status_code", "http.status_code":
			if code := a.Value.AsInt64(); code >= 100 && code < int64(len(p.status)) {
				out = p.status[code]
			}
		case "rpc.response.status_code", "rpc.grpc.status_code", "db.response.status_code":
			if code := a.Value.String(); code != "0" && code != "OK" {
				out = code
			}
		}
	}
	switch {
	case out != "":
		return out
	case failed:
		return "error"
	}
	return "ok"
}
