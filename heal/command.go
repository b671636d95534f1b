package heal

import (
	"time"

	"github.com/hale-go/hale/observe"
)

// Op is what a command does with its remedy.
type Op string

// The operations.
const (
	OpApply Op = "apply"
	OpProbe Op = "probe" // let a little through, to see
	OpUndo  Op = "undo"  // take it back: after a passed probation, or because it made things worse
)

// Command is a decision to use a remedy now.
type Command struct {
	ID       string           `json:"id"` // unique within a runtime: "inc-1/3"
	Time     time.Time        `json:"time"`
	Incident string           `json:"incident"`
	Remedy   string           `json:"remedy"`
	Op       Op               `json:"op"`
	Subject  observe.Subject  `json:"subject"`
	Tasks    []observe.TaskID `json:"tasks,omitempty"`
	Probes   int              `json:"probes,omitempty"`

	// Withheld says why the remedy is not carried out, only recorded: the mode,
	// a dry run or the kill switch. Empty: it is carried out.
	Withheld string `json:"withheld,omitempty"`
	Why      string `json:"why"` // the incident's root cause
}

// Results of a command, as an outcome event's Result.
const (
	ResultApplied       = "applied"
	ResultNotApplicable = "not applicable"
	ResultFailed        = "failed"
	ResultGone          = "gone" // the tasks had ended already
	ResultWithheld      = "withheld"
)
