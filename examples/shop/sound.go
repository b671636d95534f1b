package main

import (
	"fmt"

	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// What shows that the shop works as before. since is the state when the fault ended.

func operation(s shopStatus, name string) observe.OperationStat {
	for _, o := range s.Sample.Operations {
		if o.Name == name {
			return o
		}
	}
	return observe.OperationStat{}
}

func ordersListed(_, now shopStatus) (string, bool) {
	o := operation(now, routeOrders)
	return fmt.Sprintf("%d of %d lists of orders failed in the last turn", o.Failed, o.Ended), o.Failed == 0
}

func paymentsFast(_, now shopStatus) (string, bool) {
	p95 := operation(now, callCharge).Latency.Quantile(.95)
	return fmt.Sprintf("a charge takes at most %v, but for one in twenty", p95), p95 < slowCharge/2
}

func wallStat(s shopStatus, name string) observe.WallStat {
	for _, w := range s.Walls {
		if w.Name == name {
			return w
		}
	}
	return observe.WallStat{}
}

func ordersCharged(_, now shopStatus) (string, bool) {
	w := wallStat(now, callCharge)
	text := fmt.Sprintf("the breaker is %s; %d calls fell back, %d of %d orders are charged since",
		w.Breaker, w.FellBack, now.Shop.Settled, now.Shop.Late)
	return text, w.Breaker == isolate.Closed.String() && w.Opened > 0 && w.Open > 0 && w.FellBack > 0 && now.Shop.Late > 0 && now.Shop.Settled == now.Shop.Late
}

func filesClosed(_, now shopStatus) (string, bool) {
	r := now.Sample.Resources
	if r == nil || r.Files == nil {
		return "the system does not tell how many files are open", false
	}
	return fmt.Sprintf("%d of %d files are open", r.Files.Open, r.Files.Limit), r.Files.Open < r.Files.Limit/4
}

func homeCalm(_, now shopStatus) (string, bool) {
	var n uint64
	for _, l := range now.Sample.Logs {
		if l.Name == routeHome {
			n += l.Count
		}
	}
	return fmt.Sprintf("%d log records in the last turn", n), n < 50
}

func stockCounted(since, now shopStatus) (string, bool) {
	n := now.Shop.Counts - since.Shop.Counts
	return fmt.Sprintf("the stock was counted %d times since", n), n > 0
}
