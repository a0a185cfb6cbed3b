package lab

import (
	"errors"
	"fmt"
	"os"
)

// RunOnStage sets the stage in a folder of its own, runs tests on it and takes it away; the folder stays if anything failed. It
// returns the exit code.
func RunOnStage(name string, set func(dir string) error, tests func() int, takeAway func() error) int {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := 1
	err = set(dir)
	if err == nil {
		code = tests()
	}
	if err = errors.Join(err, takeAway()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "logs are in", dir)
	} else if err = os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}
