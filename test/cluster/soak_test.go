package cluster

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"text/tabwriter"
)

// The tests named TestSoak... hold Signet under attack and failure for as long as they are told: some seconds in every run of the
// tests, and with -long what tools/soak runs.
var long = flag.Bool("long", false, "run the soak tests in their long form")

func shortOrLong[T any](short, longer T) T {
	if *long {
		return longer
	}
	return short
}

// findings are what the soak tests measured, for the table at the end.
var findings struct {
	lock sync.Mutex
	rows []string
}

// find is one row of the table: what was done, what was looked at, and what was seen. None of it decides a test.
func find(scenario, measure, seen string, values ...any) {
	findings.lock.Lock()
	defer findings.lock.Unlock()
	findings.rows = append(findings.rows, fmt.Sprintf("%s\t%s\t%s", scenario, measure, fmt.Sprintf(seen, values...)))
}

func printFindings() {
	if len(findings.rows) == 0 {
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range findings.rows {
		fmt.Fprintln(table, row)
	}
	_ = table.Flush()
}
