package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"signet/test/cluster/lab"
)

const (
	fewTenants  = 10
	manyTenants = 10_000
)

var (
	fewSide  = tenantsSide(fewTenants)
	manySide = tenantsSide(manyTenants)
)

func tenantsSide(tenants int) string { return strconv.Itoa(tenants) + " tenants" }

// How a policy tells whose a namespace is.
var tenancies = []string{"name", "pattern", "label"}

var tenantsComparison = comparison{
	name: "tenants",
	title: fmt.Sprintf("a policy of %d tenants with five namespaces each, and of %d: read, asked for a decision, and whole reviews under it; "+
		"as many requests for either, spread over the tenants", fewTenants, manyTenants),
	goals: tenantsGoals(),
	run:   compareTenants,
}

func tenantsGoals() []goal {
	const sameCost = 1.1
	goals := []goal{{metric: reviewOfMany + ": CPU, µs a review", side: manySide, reference: fewSide, atMost: sameCost}}
	for _, by := range tenancies {
		goals = append(goals, goal{metric: "by " + by + ": a decision, µs", side: manySide, reference: fewSide, atMost: sameCost})
	}
	return goals
}

const reviewOfMany = "by name, HTTPS, P-256"

func compareTenants(ctx context.Context, t terms, record record) error {
	var byName []*policy
	for _, by := range tenancies {
		var policies []*policy
		for _, tenants := range []int{fewTenants, manyTenants} {
			p, err := makePolicy(ctx, t.dir, tenants, by)
			if err != nil {
				return err
			}
			policies = append(policies, p)
		}
		if byName == nil {
			byName = policies
		}
		if err := compareReading(ctx, t, record, by, policies); err != nil {
			return err
		}
		if err := compareDecisions(ctx, t, record, by, policies); err != nil {
			return err
		}
	}
	return compareReviewsOf(ctx, t, record, byName)
}

// compareReading has `signet policy check` read the policies.
func compareReading(ctx context.Context, t terms, record record, by string, policies []*policy) error {
	binary, err := lab.SignetBinary()
	if err != nil {
		return err
	}
	for range t.rounds {
		for _, p := range policies {
			began := time.Now()
			if out, err := exec.CommandContext(ctx, binary, "policy", "check", p.file).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			record("by "+by+": policy check, ms", tenantsSide(len(p.Spec.Tenants)), float64(time.Since(began).Microseconds())/1000)
		}
	}
	return nil
}

// compareDecisions runs policy_bench, which lets them take turns.
func compareDecisions(ctx context.Context, t terms, record record, by string, policies []*policy) error {
	project, err := lab.Project()
	if err != nil {
		return err
	}
	args := []string{strconv.Itoa(t.rounds)}
	sides := map[string]string{}
	for _, p := range policies {
		args = append(args, p.file)
		sides[p.file] = tenantsSide(len(p.Spec.Tenants))
	}
	command := exec.CommandContext(ctx, filepath.Join(project, "build", "release", "test", "bench", "signet_policy_bench"), args...)
	command.Stderr = os.Stderr
	printed, err := command.Output()
	if err != nil {
		return err
	}
	for line := range bytes.Lines(printed) {
		file, text, _ := strings.Cut(strings.TrimSpace(string(line)), "\t")
		nanoseconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("policy_bench: %q: %w", line, err)
		}
		record("by "+by+": a decision, µs", sides[file], nanoseconds/1000)
	}
	return nil
}

// compareReviewsOf loads a webhook for each of the policies. They guard alone, without keys: it is reviews that are compared.
func compareReviewsOf(ctx context.Context, t terms, record record, policies []*policy) error {
	plane, err := lab.StartControlPlane(t.dir)
	if err != nil {
		return err
	}
	defer plane.Stop()
	// As many for both, so that what the requests themselves take of the caches is the same.
	const requests = manyTenants
	var webhooks []*webhook
	var files []string
	for i, p := range policies {
		signet, err := prepareSignet(ctx, plane, t.dir, fmt.Sprintf("signet-%d", i), p)
		if err != nil {
			return err
		}
		w, err := serveSignet(signet, "webhook")
		if err != nil {
			return err
		}
		defer w.stop()
		file := p.file + ".reviews"
		if err := p.writeReviews(file, lab.P256, requests, requests); err != nil {
			return err
		}
		webhooks, files = append(webhooks, w), append(files, file)
	}
	for round := range t.rounds + 1 {
		for i, w := range webhooks {
			got, err := w.load(ctx, files[i], turn)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms it up
				got.record(record, reviewOfMany, tenantsSide(len(policies[i].Spec.Tenants)))
			}
		}
	}
	return nil
}
