package anomaly

import (
	"math"
	"time"
)

const (
	hours = 24
	// learn is the share by which the level of an hour follows that of today.
	learn = 0.3
	// explain is the memory, in points, of how well the hour explains the series.
	explain = 1000
	// recent is the memory, in points, of the level that the hour competes with.
	recent = 300
)

// profile is the usual level of a series at each hour of the day, and how much
// better it predicts than the recent level does.
type profile struct {
	usual [hours]float64
	seen  uint32 // one bit for each hour with a usual level

	hour  int     // of the visit that lasts
	mean  float64 // of the visit
	count float64 // points of the visit

	known   float64 // points at hours with a usual level
	slow    float64 // recent level
	byHour  float64 // mean distance from the usual level of the hour
	byLevel float64 // and from the recent level, over the same points
}

// push takes the n-th point and returns its distance from the usual level of its
// hour, the share of the series that the hour explains, 0 to 1, and at how many
// points there was a usual level: none on the first day, and while there is none
// for this hour, known is 0. Only the hour of t (UTC) matters, so that a clock that
// jumps does no harm.
func (p *profile) push(t time.Time, v, n float64) (rest, share, known float64) {
	hour := int((t.Unix()%86400 + 86400) % 86400 / 3600)
	if hour != p.hour {
		p.leave()
		p.hour = hour
	}
	p.count++
	p.mean += (v - p.mean) / p.count

	if n == 1 {
		p.slow = v
	}
	p.slow += rate(recent, n) * (v - p.slow)
	if p.seen&(1<<hour) == 0 {
		return 0, 0, 0
	}
	rest = v - p.usual[hour]
	p.known++
	a := rate(explain, p.known)
	p.byHour += a * (math.Abs(rest) - p.byHour)
	p.byLevel += a * (math.Abs(v-p.slow) - p.byLevel)
	if p.byLevel > 0 && p.byHour < p.byLevel {
		q := p.byHour / p.byLevel
		share = 1 - q*q
	}
	return rest, share, p.known
}

// leave ends the visit to an hour: its mean goes into what is usual.
func (p *profile) leave() {
	if p.count > 0 {
		h := p.hour
		if p.seen&(1<<h) == 0 {
			p.usual[h] = p.mean
			p.seen |= 1 << h
		}
		p.usual[h] += learn * (p.mean - p.usual[h])
	}
	p.mean, p.count = 0, 0
}

// rate is the weight of the n-th value in a mean over about memory values.
func rate(memory, n float64) float64 { return 1 / min(memory, n) }
