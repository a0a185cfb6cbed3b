package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is everything that one run measured, as it is written to results.json.
type report struct {
	Command string    `json:"command"`
	Date    string    `json:"date"`
	Commit  string    `json:"commit"`
	Machine string    `json:"machine"`
	System  string    `json:"system"`
	Rounds  int       `json:"rounds"`
	Results []*result `json:"results"`
}

type result struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Seconds float64   `json:"seconds"`
	Metrics []*metric `json:"metrics"`
	goals   []goal
}

type metric struct {
	Name  string  `json:"name"`
	Sides []*side `json:"sides"`
}

type side struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

func newReport(rounds int) *report {
	return &report{
		Command: "./tools/bench " + strings.Join(os.Args[1:], " "),
		Date:    time.Now().UTC().Format(time.DateOnly),
		Commit:  firstLine("git", "describe", "--always", "--dirty"),
		Machine: fmt.Sprintf("%d cores, %s, load %s at the beginning", runtime.NumCPU(), modelName(), loadAverage()),
		System:  firstLine("uname", "-sr"),
		Rounds:  rounds,
	}
}

func (r *report) begin(c comparison) *result {
	begun := &result{Name: c.name, Title: c.title, goals: c.goals}
	r.Results = append(r.Results, begun)
	return begun
}

func (r *result) record(name, of string, value float64) {
	at := slices.IndexFunc(r.Metrics, func(m *metric) bool { return m.Name == name })
	if at < 0 {
		at = len(r.Metrics)
		r.Metrics = append(r.Metrics, &metric{Name: name})
	}
	m := r.Metrics[at]
	for _, s := range m.Sides {
		if s.Name == of {
			s.Values = append(s.Values, value)
			return
		}
	}
	m.Sides = append(m.Sides, &side{Name: of, Values: []float64{value}})
}

func (s *side) min() float64 { return slices.Min(s.Values) }
func (s *side) max() float64 { return slices.Max(s.Values) }

func (s *side) median() float64 {
	sorted := slices.Sorted(slices.Values(s.Values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// outcome is what came of a goal: the ratio to the reference or the value itself.
func (r *result) outcome(g goal) (value float64, known bool) {
	find := func(name string) *side {
		for _, m := range r.Metrics {
			for _, s := range m.Sides {
				if m.Name == g.metric && s.Name == name {
					return s
				}
			}
		}
		return nil
	}
	of := find(g.side)
	if of == nil {
		return 0, false
	}
	if g.reference == "" {
		return of.median(), true
	}
	reference := find(g.reference)
	if reference == nil {
		return 0, false
	}
	return of.median() / reference.median(), true
}

func (g goal) describe(value float64) string {
	what, bound := g.side, ""
	if g.reference != "" {
		what += " / " + g.reference
	}
	if g.atLeast != 0 {
		bound = fmt.Sprintf("at least %.3g", g.atLeast)
	}
	if g.atMost != 0 {
		bound = strings.TrimPrefix(bound+", at most "+fmt.Sprintf("%.3g", g.atMost), ", ")
	}
	verdict := "reached"
	if !g.isReachedBy(value) {
		verdict = "NOT REACHED"
	}
	return fmt.Sprintf("%s: %.3g (%s: %s)", what, value, bound, verdict)
}

func (r *report) writeHead(w io.Writer) {
	fmt.Fprintf(w, "command:  %s   (%s, commit %s)\nmachine:  %s\nsystem:   %s; each side has its turn %d times\n",
		r.Command, r.Date, r.Commit, r.Machine, r.System, r.Rounds)
}

// writeTable prints each side's minimum, median and maximum, and what came of the goals.
func (r *result) writeTable(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", r.Name, r.Title)
	for _, m := range r.Metrics {
		fmt.Fprintf(w, "  %-44s %11s %11s %11s\n", m.Name, "min", "median", "max")
		for _, s := range m.Sides {
			fmt.Fprintf(w, "    %-42s %11.4g %11.4g %11.4g\n", s.Name, s.min(), s.median(), s.max())
		}
		for _, g := range r.goals {
			if value, known := r.outcome(g); known && g.metric == m.Name {
				fmt.Fprintf(w, "    %s\n", g.describe(value))
			}
		}
	}
}

func (r *report) writeTo(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "results.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	chart, err := os.Create(filepath.Join(dir, "chart.svg"))
	if err != nil {
		return err
	}
	r.writeChart(chart)
	return chart.Close()
}

func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "?"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func modelName() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			}
		}
	}
	return "unknown processor"
}

func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	load, _, _ := strings.Cut(string(data), " ")
	return load
}
