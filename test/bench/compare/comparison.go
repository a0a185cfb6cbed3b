package main

import "context"

// A comparison has each of its sides do the same work, in turns, and records what that took.
type comparison struct {
	name  string // for --only
	title string // what was done, and on which terms
	goals []goal
	run   func(ctx context.Context, t terms, record record) error
}

// terms are what every comparison is run under.
type terms struct {
	rounds            int
	dir               string // for its files
	opa               string // programs
	controllerManager string
}

// record takes one round's value of a metric, whose name says the unit: "CPU, µs a review".
type record func(metric, side string, value float64)

// goal is what the median of side's values is to reach: a share of the reference's median or, where there is no reference, a
// value of the metric itself.
type goal struct {
	metric    string
	side      string
	reference string
	atLeast   float64 // 0: there is only an upper bound
	atMost    float64 // 0: there is only a lower bound
}

func (g goal) isReachedBy(value float64) bool {
	return (g.atLeast == 0 || value >= g.atLeast) && (g.atMost == 0 || value <= g.atMost)
}
