package lab

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed clock/clock.c
var clockSource []byte

// Clock is what a program that is started with its environment takes for the time of day.
type Clock struct{ library, offset string }

// NewClock is right as long as nobody sets it. Its files are in dir.
func NewClock(dir string) (*Clock, error) {
	c := &Clock{library: filepath.Join(dir, "clock.so"), offset: filepath.Join(dir, "clock-offset")}
	source := filepath.Join(dir, "clock.c")
	if err := writeFile(source, clockSource); err != nil {
		return nil, err
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-O1", "-o", c.library, source, "-ldl").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile %s: %w: %s", source, err, out)
	}
	return c, c.Set(0)
}

// Set has it be ahead of the real time by that from now on; the monotonic clock goes on as ever.
func (c *Clock) Set(ahead time.Duration) error {
	next := c.offset + ".next"
	if err := writeFile(next, fmt.Append(nil, int64(ahead.Seconds()))); err != nil {
		return err
	}
	return os.Rename(next, c.offset)
}

// Environment is for the programs that are to go by it.
func (c *Clock) Environment() []string {
	return []string{"LD_PRELOAD=" + c.library, "CLOCK_OFFSET=" + c.offset}
}
