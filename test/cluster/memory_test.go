package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"signet/test/cluster/lab"
)

// What Signet has in memory, its keys among it, is not for other processes.

// somebody is a user who is neither the root user nor anybody on the machine.
const somebody = 65532

// asSomebody is the command as that user, where this test may start it so; else as the user who runs the test.
func asSomebody(command *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	}
	return command
}

// waiting starts a copy of a program as somebody, and returns it when it waits for its input, which comes when the test ends.
func waiting(t *testing.T, binary string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "signet-somebody-") // the test's own is not for others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	copied := filepath.Join(folder, filepath.Base(binary))
	if err := errors.Join(os.Chmod(folder, 0o755), os.WriteFile(copied, program, 0o755), os.Chmod(copied, 0o755)); err != nil {
		t.Fatal(err)
	}
	command := asSomebody(exec.Command(copied, args...))
	command.Dir = "/"
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	eventually(t, func() error {
		call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", command.Process.Pid))
		if reads := regexp.MustCompile(`^(0|63) 0x0 `); err == nil && !reads.Match(call) { // x86-64, ARM
			err = fmt.Errorf("does not wait for its input yet: %s", call)
		}
		return err
	})
	return command
}

// readMemory is what a process of the same user is told when it would read the memory of another, at its start.
func readMemory(t *testing.T, pid int) error {
	t.Helper()
	command := asSomebody(exec.Command("/bin/cat", fmt.Sprintf("/proc/%d/environ", pid)))
	command.Env, command.Dir = []string{}, "/"
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func TestSignetsMemoryIsKeptFromOtherProcessesOfItsUser(t *testing.T) {
	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	open := waiting(t, "/bin/cat").Process.Pid
	if err := readMemory(t, open); err != nil {
		t.Errorf("of another program: %v", err)
	}
	kept := waiting(t, binary, "audit", "verify", "-").Process.Pid
	if err := readMemory(t, kept); err == nil {
		t.Error("of Signet: was read")
	}
	for pid, wanted := range map[int]int{open: os.Geteuid(), kept: 0} { // whose what /proc has of it is
		if os.Geteuid() == 0 && pid == open {
			wanted = somebody
		}
		found, err := os.Stat(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil {
			t.Fatal(err)
		}
		if owner := int(found.Sys().(*syscall.Stat_t).Uid); owner != wanted {
			t.Errorf("the memory of %d is user %d's, not %d's", pid, owner, wanted)
		}
	}
}

func TestSignetLeavesNoCoreDump(t *testing.T) {
	process := serve(t, "all")
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Max core file size +0 +0 +bytes`).Match(limits) {
		t.Errorf("core dumps are not turned off:\n%s", limits)
	}

	binary, err := lab.SignetBinary()
	if err != nil {
		t.Fatal(err)
	}
	command := waiting(t, binary, "audit", "verify", "-")
	if err := command.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	ending := command.ProcessState.Sys().(syscall.WaitStatus)
	if ending.Signal() != syscall.SIGABRT || ending.CoreDump() {
		t.Errorf("ended with %v, core dump: %v", ending.Signal(), ending.CoreDump())
	}
}
