package hale

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/heal"
)

// Config holds the settings of a [Runtime]. The zero value is useful.
type Config struct {
	// Tick is how often the loop takes a turn, at least 1ms. Default: 1s.
	Tick time.Duration `json:"tick" yaml:"tick"`
	// Epoch is for how long tasks of one name that start share a label. Shorter
	// finds leaks sooner and costs more labels. Default: 2s.
	Epoch time.Duration `json:"epoch" yaml:"epoch"`
	// Snapshots is the shortest time between two goroutine snapshots that nothing
	// in particular asks for. It grows with their cost, so that they take at most
	// 1 % of one processor. Default: 10s.
	Snapshots time.Duration `json:"snapshots" yaml:"snapshots"`

	Leak      detect.LeakConfig      `json:"leak" yaml:"leak"`
	Overdue   detect.OverdueConfig   `json:"overdue" yaml:"overdue"`
	PanicLoop detect.PanicLoopConfig `json:"panic_loop" yaml:"panic_loop"`
	Abandoned detect.AbandonedConfig `json:"abandoned" yaml:"abandoned"`
	Lost      detect.LostConfig      `json:"lost" yaml:"lost"`
	ErrorRate detect.ErrorRateConfig `json:"error_rate" yaml:"error_rate"`
	// Objectives are what the service promises of its operations, at most 64; using
	// up the error budget of one too fast is a finding. Default: none.
	Objectives []detect.Objective     `json:"objectives,omitempty" yaml:"objectives,omitempty"`
	Latency    detect.LatencyConfig   `json:"latency" yaml:"latency"`
	Logs       LogConfig              `json:"logs" yaml:"logs"`
	LogVolume  detect.LogVolumeConfig `json:"log_volume" yaml:"log_volume"`
	Policy     heal.Policy            `json:"policy" yaml:"policy"`

	// Domains are the walls of fault domains, by name; see [DomainConfig]. Names nest by
	// dots, at most 8 deep. Default: none.
	Domains map[string]DomainConfig `json:"domains,omitempty" yaml:"domains,omitempty"`

	// Degraded are the levels of switches, from 1 to 9, by name; see [Degraded]. It is
	// the part of the party "config". Default: none.
	Degraded    map[string]int    `json:"degraded,omitempty" yaml:"degraded,omitempty"`
	Degradation DegradationConfig `json:"degradation" yaml:"degradation"`
}

// maxGrace is as far back as a snapshot tells when a task ended.
const maxGrace = 90 * time.Second

// minTick keeps turns, which take some ten microseconds, from taking a processor.
const minTick = time.Millisecond

// leastLimit is less than what anybody promises.
const leastLimit = time.Microsecond

// maxDuration bounds what settings say, so that sums of them cannot overflow.
const maxDuration = 24 * time.Hour

// Check returns why the settings cannot be used, as [New] would: a [*ConfigError] or a
// [*heal.PolicyError] that names the first that cannot. Names of remedies are not
// checked: only New knows those of [WithRemedy].
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Tick", c.Tick}, {"Epoch", c.Epoch}, {"Snapshots", c.Snapshots}, {"Leak.Grace", c.Leak.Grace}, {"Leak.Patience", c.Leak.Patience}, {"Overdue.Least", c.Overdue.Least}, {"PanicLoop.Window", c.PanicLoop.Window}, {"LogVolume.Steady", c.LogVolume.Steady}} {
		if f.value < 0 || f.value > maxDuration {
			return c, &ConfigError{Field: "Config." + f.name, Value: f.value, Mend: "give a duration up to 24h, or 0 for the default"}
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"Leak.MinGrowth", c.Leak.MinGrowth}, {"Leak.MinWindows", c.Leak.MinWindows}, {"Overdue.Times", c.Overdue.Times}, {"PanicLoop.Count", c.PanicLoop.Count}, {"Abandoned.Cap", c.Abandoned.Cap}, {"ErrorRate.MinErrors", c.ErrorRate.MinErrors}, {"ErrorRate.MinReported", c.ErrorRate.MinReported}, {"LogVolume.MinStorm", c.LogVolume.MinStorm}} {
		if f.value < 0 {
			return c, &ConfigError{Field: "Config." + f.name, Value: f.value, Mend: "give a number above 0, or 0 for the default"}
		}
	}
	if r := c.PanicLoop.MinShare; !(r >= 0 && r <= 1) { // also catches NaN
		return c, &ConfigError{Field: "Config.PanicLoop.MinShare", Value: r, Mend: "give a share from 0 to 1, such as 0.3, or 0 for the default"}
	}
	if c.Tick > 0 && c.Tick < minTick { // a number without a unit, most likely
		return c, &ConfigError{Field: "Config.Tick", Value: c.Tick, Mend: "give at least " + minTick.String() + ", or 0 for the default"}
	}
	if c.Leak.Grace >= time.Minute {
		return c, &ConfigError{Field: "Config.Leak.Grace", Value: c.Leak.Grace, Mend: "give less than 1m"}
	}
	if c.Leak.Patience > detect.MaxPatience {
		return c, &ConfigError{Field: "Config.Leak.Patience", Value: c.Leak.Patience, Mend: "give at most " + detect.MaxPatience.String()}
	}
	if r := c.ErrorRate.MinRise; !(r >= 0 && r < 1) { // also catches NaN
		return c, &ConfigError{Field: "Config.ErrorRate.MinRise", Value: r, Mend: "give a share from 0 to 1, such as 0.05, or 0 for the default"}
	}
	c.ErrorRate = c.ErrorRate.WithDefaults()
	c.Lost = c.Lost.WithDefaults()
	if err := checkObjectives(c.Objectives); err != nil {
		return c, err
	}
	c.LogVolume = c.LogVolume.WithDefaults()
	if err := checkThresholds(c.Latency.Thresholds); err != nil {
		return c, err
	}
	if c.Tick == 0 {
		c.Tick = time.Second
	}
	if c.Epoch == 0 {
		c.Epoch = 2 * time.Second
	}
	if c.Snapshots == 0 {
		c.Snapshots = 10 * time.Second
	}
	c.Leak.Epoch, c.Leak.Window = c.Epoch, c.Snapshots
	c.Leak = c.Leak.WithDefaults()
	var err error
	if c.Logs, err = c.Logs.withDefaults(); err != nil {
		return c, err
	}
	if c.Domains, err = checkDomains(c.Domains); err != nil {
		return c, err
	}
	if c.Degraded, err = checkDegraded(c.Degraded); err != nil {
		return c, err
	}
	if c.Degradation, err = c.Degradation.withDefaults(); err != nil {
		return c, err
	}
	c.Policy, err = c.Policy.WithDefaults()
	return c, err
}

func checkObjectives(objectives []detect.Objective) error {
	if n := len(objectives); n > detect.MaxObjectives {
		return &ConfigError{Field: "Config.Objectives", Value: n, Mend: fmt.Sprintf("give at most %d", detect.MaxObjectives)}
	}
	for i, o := range objectives {
		field := fmt.Sprintf("Config.Objectives[%d]", i)
		if bad, ok := errors.AsType[*detect.ObjectiveError](o.Check()); ok {
			return &ConfigError{Field: field + "." + bad.Field, Value: bad.Value, Mend: bad.Mend}
		}
		if at := slices.IndexFunc(objectives[:i], o.Same); at >= 0 {
			return &ConfigError{Field: field, Value: o, Mend: fmt.Sprintf("give one objective for each operation, kind and latency: Config.Objectives[%d] has the same", at)}
		}
	}
	return nil
}

func checkThresholds(limits map[string]detect.Threshold) error {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		t, mend := limits[name], ""
		switch {
		case name == "":
			mend = "name an operation, or * for those that are not named"
		case t.P95 < 0 || t.P99 < 0 || t.P95 > maxDuration || t.P99 > maxDuration:
			mend = "give durations up to 24h, or 0 for no limit"
		case t.P95 > 0 && t.P95 < leastLimit || t.P99 > 0 && t.P99 < leastLimit: // numbers without a unit, most likely
			mend = "give durations of at least " + leastLimit.String()
		case t.P95 == 0 && t.P99 == 0:
			mend = "give P95, P99 or both"
		case t.P99 > 0 && t.P99 < t.P95:
			mend = "give a P99 that is no less than P95"
		default:
			continue
		}
		return &ConfigError{Field: fmt.Sprintf("Config.Latency.Thresholds[%q]", printable(name, maxName)), Value: t, Mend: mend}
	}
	return nil
}

// revision is equal for equal settings.
func (c Config) revision() string {
	h := fnv.New64a()
	b, _ := json.Marshal(c) // plain data: cannot fail
	_, _ = h.Write(b)       // a hash never fails
	return fmt.Sprintf("%016x", h.Sum64())
}

// Option gives a [Runtime] something that is not a setting.
type Option func(*options)

type options struct {
	config    Config
	logger    *slog.Logger
	journal   io.Writer
	dir       string
	detectors []namedDetector
	remedies  []heal.Named
	tracer    Tracer
	handover  func(why string) error
}

// WithConfig sets all settings.
func WithConfig(c Config) Option { return func(o *options) { o.config = c } }

// WithLogger sets where the runtime logs incidents, misuse, the first panic of each
// fingerprint with its stack, and, at WARN with the message "detector.disabled" or
// "detector.garbage", detectors that misbehave; see [WithDetector]. Default: [slog.Default]. The loop writes it,
// misuse too: a logger that blocks makes the observer late and holds up no task,
// but Step waits for it. A healthy service gets no records above INFO.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithJournal writes every remedy to w, as a line of JSON, before it is carried
// out and when its result is known. Without it the journal is in memory only.
// While w fails, remedies that contain go on and destructive ones are refused.
func WithJournal(w io.Writer) Option { return func(o *options) { o.journal = w } }

// WithDetector adds a detector to the built-in ones. A name that is taken
// replaces the detector of that name. fresh makes a new one each time: for the
// runtime, after the loop broke, and for each replay.
//
// A detector that takes longer than a second for a turn, or panics three times in a row, is
// disabled until the process ends or the loop starts afresh, also across [Runtime.Reconfigure];
// the others go on. That is told once, as the event [observe.EventDetectorDisabled] and in the
// log. From then on nobody looks for what it looked for, and what it had found counts as cleared.
func WithDetector(name string, fresh func() detect.Detector) Option {
	return func(o *options) { o.detectors = append(o.detectors, namedDetector{name, fresh}) }
}

type namedDetector struct {
	name  string
	fresh func() detect.Detector
}

// WithRemedy adds a remedy that ladders can name. A name that is taken replaces
// the remedy of that name.
func WithRemedy(r heal.Named) Option {
	return func(o *options) { o.remedies = append(o.remedies, r) }
}

func gather(opts []Option) (options, error) {
	var o options
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	for _, d := range o.detectors {
		if d.name == "" || d.fresh == nil {
			return o, &ConfigError{Field: "WithDetector", Value: d.name, Mend: "give a name and a function that makes a detector"}
		}
		if shown := printable(d.name, maxName); shown != d.name { // a recording would know it by another name
			return o, &ConfigError{Field: "WithDetector", Value: shown, Mend: "give a printable name of at most 128 bytes"}
		}
	}
	var err error
	o.config, err = o.config.withDefaults()
	return o, err
}
