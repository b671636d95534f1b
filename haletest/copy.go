package haletest

import (
	"reflect"
	"time"

	"github.com/hale-go/hale/observe"
)

// copyTurn returns a copy of a turn that shares nothing with it.
func copyTurn(t observe.Turn) observe.Turn {
	return deepCopy(reflect.ValueOf(t)).Interface().(observe.Turn)
}

// A turn is plain data, so that slices, pointers and structs are all that there
// is to follow; what it gains later is copied too.
func deepCopy(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(deepCopy(v.Field(i)))
		}
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(deepCopy(v.Index(i)))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(deepCopy(v.Elem()))
	}
	return out
}

// scribble overwrites all that a turn refers to, as whoever owns it may once the
// detector has returned.
func scribble(t *observe.Turn) { overwrite(reflect.ValueOf(t).Elem()) }

func overwrite(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.SetZero()
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			overwrite(v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			overwrite(v.Index(i))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		overwrite(v.Elem())
	case v.Kind() == reflect.String:
		v.SetString("scribbled over")
	case v.CanInt():
		v.SetInt(113)
	case v.CanUint():
		v.SetUint(113)
	}
}
