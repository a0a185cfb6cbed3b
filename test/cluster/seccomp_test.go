package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/test/cluster/lab"
)

// Signet under the system calls that its manifests leave it.

func seccompFile(t *testing.T, name string) string {
	t.Helper()
	folder, err := lab.SeccompFolder()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, name)
}

// expectConfined wants a filter to be in force for the process.
func expectConfined(t *testing.T, process *lab.Process) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "\nSeccomp:\t2\n") {
		t.Errorf("no filter is in force:\n%s", status)
	}
}

func TestSignetDoesItsJobsUnderItsOwnSeccompProfile(t *testing.T) {
	t.Run("with CAs, serving files and logs in files, as one of several", func(t *testing.T) {
		own := withOwnServing(t)
		signet, err := own.As(stage.signetUser, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		stage.signet = signet
		signet.SeccompFile = seccompFile(t, "signet.json")
		signet.Policy = policyInFile(t, stagePolicy(t))
		signet.Arguments = []string{"--metrics-listen", "127.0.0.1:0", "--lease", "signet/confined"}
		// By name, so that it is looked up.
		kubeconfig := filepath.Join(signet.Records, "kubeconfig")
		text, err := os.ReadFile(kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		replaceFile(t, kubeconfig, strings.Replace(string(text), "https://127.0.0.1:", "https://localhost:", 1))

		process := serve(t, "all")
		expectConfined(t, process)
		register(t)
		expectGuarded(t)

		before := shown(t)
		if err := signet.RenewServing(); err != nil {
			t.Fatal(err)
		}
		awaitAnother(t, before)
		folder := filepath.Join(signet.Dir, "ca", "foo")
		if err := renewed(t, stage.authorities["foo"]).WriteTo(folder); err != nil {
			t.Fatal(err)
		}
		expectLog(t, process, "another certificate of the same CA key is in force")
		replaceFile(t, signet.Policy, withBaz(stagePolicy(t))) // which has no CA
		if err := process.Hangup(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if !strings.Contains(process.Output(), "policy not taken") {
				return fmt.Errorf("the log does not tell of the policy:\n%s", process.Output())
			}
			return nil
		})
		expectGuarded(t)
	})
	t.Run("with CAs and its serving certificate in Secrets, as a pod", func(t *testing.T) {
		installed := install(t, "test/testdata/installations/every-permission")
		if err := installed.Prepare(patient(t)); err != nil {
			t.Fatal(err)
		}
		process := launch(t, installed, "signet")
		eventually(t, installed.Ready)
		expectConfined(t, process)
		await(t, create(t, lab.Workload(signerBar, "bar", "confined")), lab.HasCertificate) // which Signet approves
		stop(t, process)
		uninstall(t, installed)
	})
}

func TestTheComponentGivesEveryInstallationTheSeccompProfile(t *testing.T) {
	for _, folder := range installations {
		overlay := t.TempDir()
		resource, failed := filepath.Rel(overlay, inProject(t, folder))
		component, err := filepath.Rel(overlay, seccompFile(t, ""))
		if err = errors.Join(err, failed); err != nil {
			t.Fatal(err)
		}
		replaceFile(t, filepath.Join(overlay, "kustomization.yaml"), fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", resource, component))
		printed, err := stage.plane.Kubectl(patient(t), t.TempDir(), "kustomize", overlay)
		if err != nil {
			t.Fatal(err)
		}
		pods, confined := strings.Count(printed, "runAsNonRoot: true"), strings.Count(printed, "localhostProfile: signet.json")
		if pods == 0 || confined != pods || strings.Contains(printed, "RuntimeDefault") {
			t.Errorf("%s: of %d kinds of pods %d have the profile", folder, pods, confined)
		}
	}
}

func TestNoOtherProcessCanBeMadeUnderTheSeccompProfile(t *testing.T) {
	script := []string{"-c", "(exit 0); echo went on"}
	command, err := lab.Confined(seccompFile(t, "signet.json"), "/bin/sh", script...)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := command.CombinedOutput(); err == nil || strings.Contains(string(out), "went on") {
		t.Errorf("a shell forks: %q, %v", out, err)
	}
	if out, err := exec.Command("/bin/sh", script...).CombinedOutput(); err != nil || string(out) != "went on\n" {
		t.Errorf("not so without it: %q, %v", out, err)
	}
}

func TestTheSeccompProfileHasWhatItsDocumentSays(t *testing.T) {
	profile, err := lab.ReadSeccompProfile(seccompFile(t, "signet.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seccompFile(t, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, rest, found := strings.Cut(string(text), "\nLeft out")
	if !found {
		t.Fatal("the document does not say what is left out")
	}
	_, table, _ = strings.Cut(table, "| --- | --- |\n")
	leftOut, _, _ := strings.Cut(rest, "\n\n")
	names := func(text string) (names []string) {
		for _, match := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(text, -1) {
			names = append(names, match[1])
		}
		return names
	}
	var explained []string
	for row := range strings.Lines(table) {
		explained = append(explained, names(strings.Split(row, "|")[1])...)
	}
	var allowed []string
	for _, calls := range profile.Syscalls {
		allowed = append(allowed, calls.Names...)
	}
	slices.Sort(allowed)
	allowed = slices.Compact(allowed)
	if missing, more := lab.Lacking(allowed, explained), lab.Lacking(explained, allowed); len(missing)+len(more) > 0 {
		t.Errorf("not explained: %v; explained and not there: %v", missing, more)
	}
	for _, name := range names(leftOut) {
		if slices.Contains(allowed, name) {
			t.Errorf("%s is not left out", name)
		}
	}
	if profile.DefaultAction != "SCMP_ACT_ERRNO" || len(names(leftOut)) == 0 {
		t.Errorf("what is not named gets %s; left out are %v", profile.DefaultAction, names(leftOut))
	}
}
