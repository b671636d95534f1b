package hale

import (
	"context"

	"github.com/hale-go/hale/isolate"
)

// Criticality says how much it matters that work is done; see [isolate.Criticality].
type Criticality = isolate.Criticality

// The levels, least first. What is less critical is turned away first when there is
// not room for all.
const (
	Sheddable     = isolate.Sheddable
	SheddablePlus = isolate.SheddablePlus
	Critical      = isolate.Critical
	CriticalPlus  = isolate.CriticalPlus
)

type criticalityKey struct{}

// WithCriticality returns a context for work that is as critical as c says, in place of
// what the domains say that it is done in. Whoever knows best for whom the work is sets
// it, once, as far out as can be. What is no level counts as none.
func WithCriticality(ctx context.Context, c Criticality) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return carry(ctx, criticalityKey{}, c)
}

// CriticalityOf returns what [WithCriticality] set, else [Critical].
func CriticalityOf(ctx context.Context) Criticality { return criticalityOf(ctx, Critical) }

// criticalityOf returns what the context says, else what the domain does.
func criticalityOf(ctx context.Context, domain Criticality) Criticality {
	if ctx == nil {
		return domain
	}
	if c, ok := valueOf(ctx, criticalityKey{}).(Criticality); ok && c >= Sheddable && c <= CriticalPlus {
		return c
	}
	return domain
}
