package run

// ParseMessage is what reads the messages of services.
func ParseMessage(text string) (texts []string, times []int64) {
	m := parseMessage(text)
	return []string{m.status, m.handover}, []int64{int64(m.extend), int64(m.watchdog)}
}
