// Package hale keeps a Go service healthy with nobody at the keyboard. It gives
// every goroutine a name, finds those that leak, hang or panic in a loop, cuts
// them off, recovers, and checks that it helped.
//
// Start work with [Go], [Do] and [Pool] instead of bare go statements:
//
//	rt, err := hale.New()
//	hale.SetDefault(rt)
//	go rt.Run(ctx)   // the loop: observe → detect → diagnose → heal → verify
//	defer rt.Close()
//
//	hale.Go(ctx, "orders.consume", consume, // consume calls hale.Beat(ctx)
//		hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))
//
// Children that depend on one another have a [Supervisor] of their own, which
// restarts them together and stops them in order:
//
//	orders, err := rt.NewSupervisor("orders", hale.SupervisorConfig{Strategy: hale.RestForOne})
//	orders.Go("orders.store", store, hale.Restart(hale.Permanent))
//	orders.Go("orders.consume", consume, hale.Restart(hale.Permanent)) // needs the store
//	top.Go("orders", orders.Run, hale.Restart(hale.Permanent))         // a supervisor is a child
//
// A run that was given up may still be at work when its successor begins. Before
// it writes what must not come from a predecessor it asks [Fenced], or gives
// [Generation] to a store that refuses lower ones.
//
// What a developer declares (a budget, a heartbeat, a restart) is carried out at
// once, where the work is. What hale infers (a leak, a stuck task, a panic loop)
// goes through the loop: it becomes an incident, and remedies that the
// [heal.Policy] allows are tried, mildest first, each verified before the next.
// By default the policy only observes: it says what it would have done.
//
// The stages are packages of their own and can be used alone: observe, detect,
// diagnose, heal.
package hale
