package isolate

import "time"

type Adaptive struct{}

func NewAdaptive(c AdaptiveConfig, set func(int)) (*Adaptive, error)      { return nil, nil }
func (a *Adaptive) Record(took time.Duration, inFlight int, dropped bool) {}
