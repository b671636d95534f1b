package isolate

// AdaptiveConfig says within what bounds an adaptive limit looks for the number of
// calls that a dependency can take at once.
type AdaptiveConfig struct {
	// Min and Max bound the limit. Default: 1 and 200.
	Min int `json:"min" yaml:"min"`
	Max int `json:"max" yaml:"max"`
	// Initial is the limit to begin with. Default: 20, within Min and Max.
	Initial int `json:"initial" yaml:"initial"`
}

// WithDefaults returns the settings with every zero field set, and a [*ConfigError]
// that names the first field that cannot be used.
func (c AdaptiveConfig) WithDefaults() (AdaptiveConfig, error) {
	for _, err := range []error{
		number("AdaptiveConfig.Min", &c.Min, 1),
		number("AdaptiveConfig.Max", &c.Max, max(200, c.Min)),
		number("AdaptiveConfig.Initial", &c.Initial, min(max(20, c.Min), c.Max)),
	} {
		if err != nil {
			return c, err
		}
	}
	switch {
	case c.Min > c.Max:
		return c, &ConfigError{Field: "AdaptiveConfig.Min", Value: c.Min, Mend: "give no more than Max"}
	case c.Initial < c.Min || c.Initial > c.Max:
		return c, &ConfigError{Field: "AdaptiveConfig.Initial", Value: c.Initial, Mend: "give a number from Min to Max"}
	}
	return c, nil
}
