package main

import (
	"time"

	"signet/test/cluster/lab"
)

// meter began to count when it was made.
type meter struct {
	processes []observed
	used      []time.Duration
	began     time.Time
}

// include counts all that a process has used which was started after the meter.
func (m *meter) include(name string, process *lab.Process) {
	m.processes, m.used = append(m.processes, observed{name, process}), append(m.used, 0)
}

// record tells what that many certificates have taken until now.
func (m *meter) record(record record, of string, certificates int) error {
	elapsed, count := time.Since(m.began), float64(certificates)
	used, err := cpuOf(m.processes)
	if err != nil {
		return err
	}
	record("certificates/s", of, count/elapsed.Seconds())
	for i, process := range m.processes {
		record("CPU of "+process.name+", µs a certificate", of, float64((used[i]-m.used[i]).Microseconds())/count)
	}
	return nil
}
