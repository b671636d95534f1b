package halehttp

import "strconv"

// Outcomes that are no status.
const (
	outcomeCanceled = "canceled" // the client gave up
	outcomeAborted  = "aborted"  // the handler gave up the connection
	outcomePanic    = "panic"    // after there was an answer
	outcomeHijacked = "hijacked" // a connection that was taken over, and not by an upgrade
)

// statusText returns a status as text, the usual ones without making it.
func statusText(code int) string {
	switch code {
	case 200:
		return "200"
	case 201:
		return "201"
	case 202:
		return "202"
	case 204:
		return "204"
	case 206:
		return "206"
	case 301:
		return "301"
	case 302:
		return "302"
	case 304:
		return "304"
	case 400:
		return "400"
	case 401:
		return "401"
	case 403:
		return "403"
	case 404:
		return "404"
	case 409:
		return "409"
	case 429:
		return "429"
	case 500:
		return "500"
	case 502:
		return "502"
	case 503:
		return "503"
	case 504:
		return "504"
	}
	return strconv.Itoa(code)
}
