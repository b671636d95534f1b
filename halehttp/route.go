package halehttp

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/hale-go/hale"
)

// unmatched is the pattern of requests that match none.
const unmatched = "(unmatched)"

// maxRoutes is how many routes a [Middleware] tells apart.
const maxRoutes = 1024

// matcher is what an [http.ServeMux] and some other routers can be asked.
type matcher interface {
	Handler(*http.Request) (http.Handler, string)
}

// operation returns what the request is a time of.
func (s *server) operation(r *http.Request) *hale.Operation {
	if s.fixed != nil {
		return s.fixed
	}
	pattern := ""
	if s.name != nil {
		pattern = asked(s.name, r)
	}
	if pattern == "" && s.mux != nil {
		pattern = match(s.mux, r)
	}
	if pattern == "" && s.mux == nil {
		pattern = r.Pattern // of a mux around this
	}
	if pattern == "" {
		pattern = unmatched
	}
	key := tableKey{method(r.Method), pattern}
	if path := strings.IndexByte(pattern, '/'); strings.ContainsAny(pattern[:max(path, 0)], " \t") {
		key.method = "" // the pattern has one
	}
	return s.routes.at(key, "")
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

// match returns the pattern by which the mux will serve the request, "" for none. For
// a CONNECT that it redirects, an [http.ServeMux] tells the path.
func match(mux matcher, r *http.Request) (pattern string) {
	defer func() {
		if recover() != nil {
			pattern = ""
		}
	}()
	h, pattern := mux.Handler(r)
	if r.Method == http.MethodConnect && reflect.TypeOf(h) == redirection {
		return ""
	}
	return pattern
}

// method returns the request's method as a name has it.
func method(m string) string {
	switch m {
	case "", http.MethodGet:
		return http.MethodGet
	case http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	}
	return "OTHER"
}
