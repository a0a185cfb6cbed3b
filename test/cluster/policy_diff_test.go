package cluster

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signet/test/cluster/lab"
)

// policyDiff is what `signet policy diff --output json` tells, as far as it is read here.
type policyDiff struct {
	Changed int
	Changes []struct {
		Count    int
		Identity string
		Old, New struct {
			Decision string
			Findings []string
		}
	}
	DecidedOtherwise, CannotBeReplayed, UnreadableLines struct{ Count int }
	Dropped                                             int
}

func TestTheDiffOfTwoPoliciesIsWhatALogsRequestsWouldBeDecidedOtherwise(t *testing.T) {
	old := byLabel(t)
	served := serveUnder(t, "all", policyInFile(t, old), rulesByLabel())
	makeLabelled(t, "labelled", map[string]string{"tenant": "foo"})
	lately(t, lab.Workload(signerFoo, "labelled", "first"), "signed by foo")
	register(t)
	otherKey := lab.Workload(signerBar, "bar", "httpbin")
	otherKey.Key = lab.P384
	labelled := lab.Workload(signerFoo, "labelled", "httpbin")
	nobodys := lab.Workload(signerFoo, "nobodys", "httpbin")
	for _, asked := range []struct {
		request lab.Request
		outcome string
	}{
		{otherKey, "signed by bar"}, {otherKey, "signed by bar"}, {labelled, "signed by foo"}, {labelled, "signed by foo"}, {nobodys, "refused: NoTenant"},
	} {
		if got, _ := outcomeOf(t, stage.istiod, asked.request); got != asked.outcome {
			t.Fatalf("%s, want %s", got, asked.outcome)
		}
	}
	listed, err := stage.plane.Kubectl(patient(t), t.TempDir(), "get", "namespaces", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	namespaces := filepath.Join(t.TempDir(), "namespaces.yaml")
	replaceFile(t, namespaces, listed)
	stop(t, served.Process) // and all is in the log

	type change struct {
		count                       int
		identity, decisions, reason string
	}
	const denied, granted = "granted, then denied", "denied, then granted"
	cases := []struct {
		name    string
		text    string
		changes []change
	}{
		{"nothing", old, nil},
		{"the keys of one tenant", strings.Replace(old, "namespaces: [bar]", "namespaces: [bar]\n    certificate: {keys: [ECDSA-P256]}", 1),
			[]change{{2, otherKey.URIs[0], denied, "KeyNotAllowed"}}},
		{"the label of one tenant", strings.Replace(old, "tenant: foo", "tenant: other", 1), []change{{2, labelled.URIs[0], denied, "NoTenant"}}},
		{"the keys, not enforced", strings.Replace(old, "namespaces: [bar]", "namespaces: [bar]\n    certificate: {keys: [ECDSA-P256]}\n    modes: {all: audit}", 1),
			[]change{{2, otherKey.URIs[0], "granted, then would-deny", "KeyNotAllowed"}}},
		{"a namespace that is somebody's now", strings.Replace(old, "namespaces: [foo]", "namespaces: [foo, nobodys]", 1),
			[]change{{1, nobodys.URIs[0], granted, "NoTenant"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			diff := diffPolicies(t, served.policy, policyInFile(t, c.text), namespaces)
			if diff.DecidedOtherwise.Count+diff.CannotBeReplayed.Count+diff.UnreadableLines.Count+diff.Dropped != 0 {
				t.Errorf("not all is in the log, and decided as it was then: %+v", diff)
			}
			var got []change
			for _, told := range diff.Changes {
				reasons := slices.Concat(told.New.Findings, told.Old.Findings)
				reason, _, _ := strings.Cut(strings.TrimPrefix(reasons[0], "signet: "), ":")
				got = append(got, change{told.Count, told.Identity, told.Old.Decision + ", then " + told.New.Decision, reason})
			}
			if !slices.Equal(got, c.changes) {
				t.Errorf("%+v, want %+v", got, c.changes)
			}
		})
	}
}

// diffPolicies asks what would be decided otherwise, with an exit code that says whether anything would.
func diffPolicies(t *testing.T, before, after, namespaces string) policyDiff {
	t.Helper()
	printed, err := stage.signet.Run(patient(t), "policy", "diff", before, after, "--audit", stage.signet.ReviewLog(), "--namespaces", namespaces, "--output", "json")
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatal(err)
	}
	var diff policyDiff
	if err := json.Unmarshal([]byte(printed), &diff); err != nil {
		t.Fatalf("%v in %s", err, printed)
	}
	if changes := exit != nil; changes != (diff.Changed > 0) {
		t.Errorf("exit: %v, with %d changes", err, diff.Changed)
	}
	return diff
}
