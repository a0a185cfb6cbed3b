package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
)

// SeccompProfile is what Signet's profile uses of the format of container runtimes (OCI runtime specification, "Seccomp").
type SeccompProfile struct {
	DefaultAction   string         `json:"defaultAction"`
	DefaultErrnoRet syscall.Errno  `json:"defaultErrnoRet"`
	Architectures   []string       `json:"architectures"`
	Syscalls        []SeccompCalls `json:"syscalls"`
}

// SeccompCalls are system calls of one action; where there are arguments, only calls with all of them.
type SeccompCalls struct {
	Names    []string      `json:"names"`
	Action   string        `json:"action"`
	ErrnoRet syscall.Errno `json:"errnoRet"`
	Args     []struct {
		Index    uint32 `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	} `json:"args"`
}

// ReadSeccompProfile reads a profile; one with what a runtime would do and the lab does not is an error.
func ReadSeccompProfile(path string) (profile SeccompProfile, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return profile, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&profile); err != nil {
		return profile, fmt.Errorf("%s: %w", path, err)
	}
	return profile, nil
}

func action(name string, number syscall.Errno) (seccomp.Action, error) {
	switch {
	case name == "SCMP_ACT_ALLOW" && number == 0:
		return seccomp.ActionAllow, nil
	case name == "SCMP_ACT_ERRNO" && number == syscall.EPERM:
		return seccomp.ActionErrno, nil
	case name == "SCMP_ACT_ERRNO" && number != 0:
		return seccomp.ActionErrno&^0xffff | seccomp.Action(number), nil
	}
	return 0, fmt.Errorf("action %s with error number %d", name, number)
}

// policy is what the kernel is given of it here: names that this architecture does not have are left out, as runtimes do.
func (p SeccompProfile) policy() (policy seccomp.Policy, err error) {
	here, err := arch.GetInfo("")
	if err != nil {
		return policy, err
	}
	if policy.DefaultAction, err = action(p.DefaultAction, p.DefaultErrnoRet); err != nil {
		return policy, err
	}
	for _, calls := range p.Syscalls {
		group := seccomp.SyscallGroup{}
		if group.Action, err = action(calls.Action, calls.ErrnoRet); err != nil {
			return policy, err
		}
		var conditions seccomp.ArgumentConditions
		for _, arg := range calls.Args {
			switch {
			case arg.Op == "SCMP_CMP_EQ" && arg.ValueTwo == 0:
				conditions = append(conditions, seccomp.Condition{Argument: arg.Index, Operation: seccomp.Equal, Value: arg.Value})
			case arg.Op == "SCMP_CMP_MASKED_EQ" && bits.OnesCount64(arg.ValueTwo) == 1 && arg.Value&arg.ValueTwo != 0: // of these bits that one
				conditions = append(conditions,
					seccomp.Condition{Argument: arg.Index, Operation: seccomp.BitsSet, Value: arg.ValueTwo},
					seccomp.Condition{Argument: arg.Index, Operation: seccomp.BitsNotSet, Value: arg.Value &^ arg.ValueTwo})
			default:
				return policy, fmt.Errorf("%v: comparison %s with %d", calls.Names, arg.Op, arg.ValueTwo)
			}
		}
		for _, name := range calls.Names {
			if _, known := here.SyscallNames[name]; !known {
				continue
			}
			if conditions == nil {
				group.Names = append(group.Names, name)
			} else {
				group.NamesWithCondtions = append(group.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: conditions})
			}
		}
		policy.Syscalls = append(policy.Syscalls, group)
	}
	return policy, nil
}

// Load puts this whole process under the profile, for good.
func (p SeccompProfile) Load() error {
	policy, err := p.policy()
	if err != nil {
		return err
	}
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy})
}

// SeccompFolder of the manifests has the profiles that they name.
func SeccompFolder() (string, error) {
	project, err := Project()
	return filepath.Join(project, "manifests", "components", "seccomp-profile"), err
}

// confinedBy is the variable that has a child of this program become another under a profile.
const confinedBy = "SIGNET_LAB_SECCOMP_PROFILE"

// Confined is the command that starts binary under the profile, as a container runtime does it: a process of ours takes the
// profile and becomes binary. This program's main function must begin with BecomeConfined. Without a profile it is the plain command.
func Confined(profile, binary string, args ...string) (*exec.Cmd, error) {
	if profile == "" {
		return exec.Command(binary, args...), nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(self, append([]string{binary}, args...)...)
	command.Env = append(os.Environ(), confinedBy+"="+profile)
	return command, nil
}

// BecomeConfined returns at once, unless this process is one that Confined starts: then it never does.
func BecomeConfined() {
	path := os.Getenv(confinedBy)
	if path == "" {
		return
	}
	debug.SetGCPercent(-1) // Signet's calls are not all that Go's collector makes
	profile, err := ReadSeccompProfile(path)
	if err == nil {
		err = errors.Join(os.Unsetenv(confinedBy), profile.Load())
	}
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "seccomp profile:", err)
	os.Exit(1)
}
