package isolate

import "time"

// NoWait as a MaxWait: what finds no room is refused at once.
const NoWait time.Duration = -1

// BulkheadConfig says how much a [Bulkhead] holds.
type BulkheadConfig struct {
	// Limit is how many calls may run at once. It must be given.
	Limit int `json:"limit" yaml:"limit"`
	// Queue is how many more may wait for room. What is less critical makes place for
	// what is more. Default: as many as Limit.
	Queue int `json:"queue" yaml:"queue"`
	// MaxWait is for how long they may, [NoWait] (-1ns) for not at all. Default: 1s.
	MaxWait time.Duration `json:"max_wait" yaml:"max_wait"`
}

// WithDefaults returns the settings with every zero field set, and a [*ConfigError]
// that names the first field that cannot be used.
func (c BulkheadConfig) WithDefaults() (BulkheadConfig, error) {
	if c.Limit < 1 || c.Limit > most {
		return c, &ConfigError{Field: "BulkheadConfig.Limit", Value: c.Limit, Mend: "give how many calls may run at once, from 1 to 1048576"}
	}
	if err := number("BulkheadConfig.Queue", &c.Queue, c.Limit); err != nil {
		return c, err
	}
	if c.MaxWait == NoWait {
		c.Queue = 0
		return c, nil
	}
	return c, duration("BulkheadConfig.MaxWait", &c.MaxWait, time.Second)
}
