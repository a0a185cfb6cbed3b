package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"signet/test/cluster/lab"
)

// observed is a process under its name in the report; none: this program itself.
type observed struct {
	name    string
	process *lab.Process
}

// cpuOf is what each has used so far.
func cpuOf(processes []observed) ([]time.Duration, error) {
	used := make([]time.Duration, len(processes))
	for i, one := range processes {
		if one.process == nil {
			var usage syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
				return nil, err
			}
			used[i] = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
			continue
		}
		var err error
		if used[i], err = cpu(one.process); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// cpu is the processor time that the process has used so far, in steps of 10 ms.
func cpu(p *lab.Process) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; what follows it begins with field 3 (proc_pid_stat(5)).
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	const user, system, ticksPerSecond = 14 - 3, 15 - 3, 100
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat: %q", p.Pid(), data)
	}
	var ticks int64
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / ticksPerSecond), nil
}

// peakMemory is the most that the process has had resident, in bytes.
func peakMemory(p *lab.Process) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", p.Pid())
}
