package hale

import (
	"fmt"
	"reflect"
)

// ConfigError says which setting cannot be used. [Hint] has the mend.
type ConfigError struct {
	Field string // Field is the setting, e.g. "PoolConfig.Workers".
	Value any    // Value is what it was.
	Err   error  // Err is why it cannot be used, nil where that is plain.
	Mend  string // Mend is what to write instead.
}

// Error names the field, the value, texts in quotes, and the reason.
func (e *ConfigError) Error() string {
	switch {
	case e == nil:
		return noError
	case e.Err == nil:
		return fmt.Sprintf("hale: %s is %s, which cannot be used", e.Field, quoted(e.Value))
	case e.Value == nil:
		return fmt.Sprintf("hale: %s: %v", e.Field, e.Err)
	}
	return fmt.Sprintf("hale: %s is %s: %v", e.Field, quoted(e.Value), e.Err)
}

// quoted shows a value, a text so that where it begins and ends can be seen.
func quoted(v any) string {
	switch _, named := v.(fmt.Stringer); {
	case v == nil:
		return "nil"
	case !named && reflect.TypeOf(v).Kind() == reflect.String:
		return fmt.Sprintf("%.200q", v)
	}
	return fmt.Sprint(v)
}

// Unwrap returns the reason.
func (e *ConfigError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Hint returns the mend.
func (e *ConfigError) Hint() string {
	if e == nil {
		return ""
	}
	return e.Mend
}
