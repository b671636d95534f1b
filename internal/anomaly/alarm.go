package anomaly

// Alarm tells the points at which an anomaly begins from the scores of a series.
// It rises at [Threshold] and is ready again when the score has fallen below half
// of it, so that one anomaly is one alarm. The zero value is ready.
type Alarm struct {
	Up bool `json:"up,omitempty"` // Up says that the anomaly lasts.
}

// Push takes the next score and says whether an anomaly begins with it.
func (a *Alarm) Push(score float64) bool {
	if a.Up {
		a.Up = score >= Threshold/2
		return false
	}
	a.Up = score >= Threshold
	return a.Up
}
