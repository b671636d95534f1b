package halehttp

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/hale-go/hale"
)

// unmatched is the pattern of requests that match none.
const unmatched = "(unmatched)"

// maxRoutes is how many routes a [Middleware] tells apart, as many as a runtime tells
// apart that serve.
const maxRoutes = 768

// maxMuxes is how many muxes within one another are asked.
const maxMuxes = 8

// matcher is what an [http.ServeMux] and some other routers can be asked.
type matcher interface {
	Handler(*http.Request) (http.Handler, string)
}

// route is what is known of a request before it is served.
type route struct {
	op      *hale.Operation
	pattern string  // that the request will be given by the mux, if nobody else gives it one
	matched bool    // it has a name of its own, and not that of requests that have none
	given   bool    // its name is the service's own choice, and no pattern of a mux
	leaf    *server // the [Handler] that the request comes to, where a mux tells
	routed  bool    // the choice of [Route], which goes before what is known within
}

// route returns what the request is a time of.
func (s *server) route(r *http.Request) route {
	if s.fixed != nil {
		return route{op: s.fixed, pattern: r.Pattern, matched: true}
	}
	to := route{pattern: r.Pattern} // of a mux around this
	name := ""
	if s.name != nil {
		name = asked(s.name, r)
		to.given, to.routed = name != "", name != ""
	}
	if !to.given {
		if s.mux != nil {
			if to.leaf, to.pattern = s.match(s.mux, r); to.leaf != nil {
				to.op, to.matched, to.given = to.leaf.fixed, true, true
				return to
			}
		}
		if name = to.pattern; name != "" && r.Pattern != name {
			name = below(r.Pattern, name)
		}
	}
	to.matched = name != ""
	if name == "" {
		name = unmatched
	}
	key := tableKey{method(r.Method), name}
	if path := strings.IndexByte(name, '/'); strings.ContainsAny(name[:max(path, 0)], " \t") {
		key.method = "" // the pattern has one
	}
	if to.op = s.routes.at(key, s.domain); catchAll(name) {
		to.op.SetCatchAll()
	}
	return to
}

// below returns the pattern of a mux that another one leads to by outer: where the
// prefix of that was taken off on the way, with it, since there may be a mux with the
// same patterns below another prefix.
func below(outer, pattern string) string {
	prefix, path := barePath(outer), barePath(pattern)
	if !strings.HasSuffix(prefix, "/") || strings.Contains(prefix, "{") || strings.HasPrefix(path, prefix) {
		return pattern
	}
	return pattern[:len(pattern)-len(path)] + prefix[:len(prefix)-1] + path
}

// catchAll reports whether a pattern may stand for many routes: a subtree, below which
// there may be one handler or a whole mux, or what is in no pattern. The wildcards of
// other routers, "/*" and "/*path", count too.
func catchAll(pattern string) bool {
	last := pattern[strings.LastIndexByte(pattern, '/')+1:]
	return last == "" || pattern == unmatched || strings.Contains(last, "*") || strings.HasSuffix(last, "...}")
}

// asked calls the service's own function, whose panic must not fail the request.
func asked(name func(*http.Request) string, r *http.Request) (pattern string) {
	defer func() {
		if recover() != nil {
			pattern = ""
		}
	}()
	return name(r)
}

// redirection is the type of handlers that redirect.
var redirection = reflect.TypeOf(http.RedirectHandler("/", http.StatusFound))

// match returns the pattern by which the mux will serve the request, that of the
// innermost where muxes are within one another, and "" for none. Where it leads to a
// [Handler], the operation of that is returned. For a CONNECT that it redirects, an
// [http.ServeMux] tells the path.
func (s *server) match(mux matcher, r *http.Request) (leaf *server, pattern string) {
	defer func() {
		if recover() != nil {
			leaf, pattern = nil, ""
		}
	}()
	for range maxMuxes {
		h, inner := mux.Handler(r)
		if r.Method == http.MethodConnect && reflect.TypeOf(h) == redirection {
			return nil, ""
		}
		if inner == "" {
			break // the subtree that it is in is all that there is to say
		}
		pattern = inner
		if leaf, ok := h.(*server); ok && leaf.rt == s.rt && leaf.fixed != nil {
			return leaf, pattern
		}
		next, ok := h.(matcher)
		if !ok {
			break
		}
		mux = next
	}
	return nil, pattern
}

// otherMethod is the method of names for all that have none of their own.
const otherMethod = "OTHER"

// method returns the request's method as a name has it. HEAD is GET, as it is to a mux.
// Of the others, those that a route is usually made for have names of their own: a
// client may send any of them to a pattern that has no method.
func method(m string) string {
	switch m {
	case "", http.MethodGet, http.MethodHead:
		return http.MethodGet
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return m
	}
	return otherMethod
}

// byRoute returns the operation that [Route] chose, nil for none.
func (to route) byRoute() *hale.Operation {
	if to.routed {
		return to.op
	}
	return nil
}
