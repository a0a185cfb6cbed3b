package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"signet/test/cluster/lab"
)

// How long a webhook is loaded in its turn.
const turn = 3 * time.Second

const (
	signetSide = "Signet"
	opaSide    = "OPA"
	opaLogSide = "OPA, decision log on"
)

// Of each kind of key. The requests are all different; RSA keys, which take long to make, have several each.
var reviewedKeys = []struct {
	kind           string
	requests, keys int
}{
	{lab.P256, 10_000, 10_000},
	{lab.RSA2048, 2_000, 100},
}

var reviewsComparison = comparison{
	name: "reviews",
	title: fmt.Sprintf("CSR reviews over HTTPS, %d connections kept alive, 100 tenants; Signet verifies signatures and has its logs on, "+
		"OPA cannot verify them and has none", loadConnections),
	goals: reviewGoals(),
	run:   compareReviews,
}

func reviewGoals() []goal {
	var goals []goal
	for _, of := range reviewedKeys {
		goals = append(goals,
			goal{metric: of.kind + ": reviews a second", side: signetSide, reference: opaSide, atLeast: 2.5},
			goal{metric: of.kind + ": p99, µs", side: signetSide, reference: opaSide, atMost: 1. / 4},
			goal{metric: of.kind + ": CPU, µs a review", side: signetSide, reference: opaSide, atMost: 1. / 3})
	}
	return goals
}

func compareReviews(ctx context.Context, t terms, record record) error {
	const tenants = 100
	p, err := makePolicy(ctx, t.dir, tenants, "name")
	if err != nil {
		return err
	}
	plane, err := lab.StartControlPlane(t.dir)
	if err != nil {
		return err
	}
	defer plane.Stop()
	signet, err := prepareSignet(ctx, plane, t.dir, "signet", p)
	if err != nil {
		return err
	}
	sides := []struct {
		name  string
		start func() (*webhook, error)
		*webhook
	}{
		{name: opaSide, start: func() (*webhook, error) { return startOPA(ctx, t.opa, t.dir, "opa", p, false) }},
		{name: opaLogSide, start: func() (*webhook, error) { return startOPA(ctx, t.opa, t.dir, "opa-log", p, true) }},
		{name: signetSide, start: func() (*webhook, error) { return serveSignet(signet, "all") }},
	}
	for i := range sides {
		s := &sides[i]
		if s.webhook, err = s.start(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		defer s.stop()
		if err := decidesAsItMust(ctx, s.webhook, p, s.name == signetSide); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for _, of := range reviewedKeys {
		file := filepath.Join(t.dir, of.kind)
		if err := p.writeReviews(file, of.kind, of.requests, of.keys); err != nil {
			return err
		}
		for round := range t.rounds + 1 {
			for _, s := range sides {
				got, err := s.load(ctx, file, turn)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				if round > 0 { // the first warms it up
					got.record(record, of.kind, s.name)
				}
			}
		}
	}
	return nil
}

func (l loaded) record(record record, what, side string) {
	record(what+": reviews a second", side, float64(l.Requests)/l.Seconds)
	record(what+": p50, µs", side, l.P50)
	record(what+": p99, µs", side, l.P99)
	record(what+": CPU, µs a review", side, float64(l.cpu.Nanoseconds())/1000)
	record(what+": CPU of who asks, µs a review", side, l.CPUSeconds*1e6/float64(l.Requests))
}

// decidesAsItMust asks for what any side grants, and for what it denies: nothing is won by being quick about less. One that
// verifies signatures denies a spoiled one; the other cannot know.
func decidesAsItMust(ctx context.Context, w *webhook, p *policy, verifies bool) error {
	victim, thief := p.Spec.Tenants[0], p.Spec.Tenants[1]
	of := func(change func(*lab.Request)) lab.Request {
		request := lab.Workload(p.signerName(victim.Signers[0]), victim.Namespaces[0], "app")
		change(&request)
		return request
	}
	cases := []struct {
		name    string
		request lab.Request
		user    string // istiod where it is empty
		spoiled bool   // its signature
		granted bool
		reason  string // told where it is denied; empty: whatever it is
	}{
		{name: "a workload's request", request: of(func(*lab.Request) {}), granted: true},
		{name: "a spoiled signature", request: of(func(*lab.Request) {}), spoiled: true, granted: !verifies},
		{name: "another tenant's signer", reason: "SignerNotAllowed",
			request: of(func(r *lab.Request) {
				r.URIs = []string{"spiffe://cluster.local/ns/" + thief.Namespaces[0] + "/sa/app"}
			})},
		{name: "a requester who is not listed", reason: "RequesterNotAllowed",
			request: of(func(*lab.Request) {}), user: "system:serviceaccount:" + thief.Namespaces[0] + ":app"},
		{name: "two identities", request: of(func(r *lab.Request) { r.URIs = append(r.URIs, r.URIs[0]) })},
		{name: "a DNS name beside", request: of(func(r *lab.Request) { r.DNS = []string{"example.com"} })},
		{name: "another trust domain",
			request: of(func(r *lab.Request) { r.URIs = []string{strings.Replace(r.URIs[0], "cluster.local", "evil", 1)} })},
		{name: "another kind of key", reason: "KeyNotAllowed", request: of(func(r *lab.Request) { r.Key = lab.P384 })},
		{name: "a usage of code signers", reason: "UsageNotAllowed",
			request: of(func(r *lab.Request) { r.Usages = []certificatesv1.KeyUsage{certificatesv1.UsageCodeSigning} })},
		{name: "a week", reason: "Duration", request: of(func(r *lab.Request) { r.Lifetime = 7 * 24 * time.Hour })},
	}
	for i, c := range cases {
		pkcs10, _, err := c.request.PEM()
		if err != nil {
			return err
		}
		if c.spoiled {
			pkcs10 = spoil(pkcs10)
		}
		user := istiodUser()
		if c.user != "" {
			user.Username = c.user
		}
		text, err := review(i, c.request, pkcs10, user)
		if err != nil {
			return err
		}
		answer, err := w.answer(ctx, text)
		if err != nil {
			return err
		}
		if answer.Allowed != c.granted {
			return fmt.Errorf("%s: allowed is %v", c.name, answer.Allowed)
		}
		if !c.granted && (answer.Result == nil || !strings.Contains(answer.Result.Message, c.reason)) {
			return fmt.Errorf("%s: denied, but not for %s: %+v", c.name, c.reason, answer.Result)
		}
	}
	return nil
}

// spoil changes the last bit of a PKCS#10, which is one of its signature.
func spoil(text []byte) []byte {
	block, _ := pem.Decode(text)
	block.Bytes[len(block.Bytes)-1] ^= 1
	return pem.EncodeToMemory(block)
}
