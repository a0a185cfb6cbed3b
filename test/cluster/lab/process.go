package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a child whose output goes to a file and that does not outlive this program.
type Process struct {
	name    string
	logPath string
	logFrom int64 // where this process's output begins
	cmd     *exec.Cmd
	exited  chan struct{}
}

// Pdeathsig follows the thread that forked, so one thread that never ends does all the forking.
var forks = func() chan<- func() {
	requests := make(chan func())
	go func() {
		runtime.LockOSThread()
		for fork := range requests {
			fork()
		}
	}()
	return requests
}()

// StartProcess runs binary with args; stdout and stderr are appended to logDir/name.log.
func StartProcess(name, logDir, binary string, args ...string) (*Process, error) {
	return startCommand(name, logDir, exec.Command(binary, args...))
}

// startCommand is StartProcess for a command with a folder or an environment of its own.
func startCommand(name, logDir string, command *exec.Cmd) (*Process, error) {
	p := &Process{name: name, logPath: filepath.Join(logDir, name+".log"), exited: make(chan struct{})}
	output, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	before, err := output.Stat()
	if err != nil {
		return nil, err
	}
	p.logFrom = before.Size()
	p.cmd = command
	p.cmd.Stdout, p.cmd.Stderr = output, output
	// A group of its own: Ctrl-C at the terminal is for this program, which ends its children in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	forks <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is read from ProcessState
		close(p.exited)
	}()
	return p, nil
}

// Pid is its number, which stays its own until it has ended.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode waits for the end; it is -1 when a signal ended the process.
func (p *Process) ExitCode() int {
	<-p.exited
	return p.cmd.ProcessState.ExitCode()
}

// Ending waits for the end and says what it was: an exit status or a signal.
func (p *Process) Ending() string {
	<-p.exited
	return p.cmd.ProcessState.String()
}

// Output is everything that the process has written so far.
func (p *Process) Output() string {
	data, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	return string(data[min(p.logFrom, int64(len(data))):])
}

// Stop sends SIGTERM and waits for the end; after the timeout it kills and says so. A nil process is stopped already.
func (p *Process) Stop(timeout time.Duration) error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return nil
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("%s was still running %v after SIGTERM", p.name, timeout)
	}
}

// Hangup sends SIGHUP.
func (p *Process) Hangup() error { return p.cmd.Process.Signal(syscall.SIGHUP) }

// Pause stops it where it is, and Continue lets it go on.
func (p *Process) Pause() error    { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *Process) Continue() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Kill ends the process at once and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// waitUntil calls ready until it succeeds; it gives up when the process ends or the deadline passes.
func (p *Process) waitUntil(deadline time.Duration, ready func() error) error {
	over := time.After(deadline)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended (%s):\n%s", p.name, p.Ending(), tail(p.Output(), 20))
		case <-over:
			return fmt.Errorf("%s not ready after %v: %w\n%s", p.name, deadline, err, tail(p.Output(), 20))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Until calls succeed until it does; when the context ends first, its last error is returned.
func Until(ctx context.Context, succeed func() error) error {
	for {
		err := succeed()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}

// Ports below those that Linux gives to who asks for any (ip_local_port_range): while a process is down, or not up yet, no connection
// and no other listener gets its port.
const firstPort, lastPort = 20000, 32767

var (
	triedFirst = rand.IntN(lastPort - firstPort + 1)
	tried      atomic.Int64
)

// freePorts returns that many loopback ports which nothing listens on: none twice before all were tried.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range lastPort - firstPort + 1 {
		port := firstPort + (triedFirst+int(tried.Add(1)))%(lastPort-firstPort+1)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return nil, err
		}
		if ports = append(ports, port); len(ports) == count {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("not %d ports of 127.0.0.1 are free between %d and %d", count, firstPort, lastPort)
}

func freePort() (int, error) {
	ports, err := freePorts(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

func listening(port int) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return connection.Close()
}
