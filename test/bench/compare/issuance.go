package main

import (
	"context"

	"signet/test/cluster/lab"
)

const issued = 2000 // of each side in each round, after the warm-up

func issuance(keys string) comparison {
	const rate, cpu, rss = "certificates/s", "CPU of signer, µs a certificate", "peak RSS of signer, MB"
	goals := []goal{
		{metric: rate, side: "Signet", reference: "cert-manager", atLeast: 1.6},
		{metric: rate, side: "Signet", reference: "bound", atLeast: 0.85},
		{metric: rss, side: "Signet", reference: "cert-manager", atMost: 0.25},
	}
	if keys == lab.P256 {
		goals = append(goals, goal{metric: cpu, side: "Signet", reference: "cert-manager", atMost: 0.125})
	}
	return comparison{
		name: "issue-" + map[string]string{lab.P256: "p256", lab.RSA2048: "rsa2048"}[keys],
		title: "certificates as istiod asks for them: create, approve, wait by a watch, delete; 2000 in each turn, 64 in flight, three tenants, " +
			"CAs of " + keys + ", workloads' keys of P-256, no webhook registered; etcd does not sync, Signet's audit log does; " +
			"bound: the client itself writes a certificate made before",
		goals: goals,
		run: func(ctx context.Context, t terms, record record) error {
			s, err := newIssuanceStage(ctx, t.dir, keys)
			if err != nil {
				return err
			}
			defer s.end()
			certManager, err := s.certManager(ctx)
			if err != nil {
				return err
			}
			controller, err := s.signingController(ctx, t.controllerManager)
			if err != nil {
				return err
			}
			return s.takeTurns(ctx, t, record, s.bound("bound"), s.signer("Signet"), certManager, controller)
		},
	}
}

// issuanceGuarded is issuance with webhooks before it: Signet's own, and on the other sides one that allows everything.
var issuanceGuarded = comparison{
	name: "issue-guarded",
	title: "the same, CAs of P-256, with Signet's webhooks registered; where it is not Signet (--role all, both logs on), a webhook that allows " +
		"everything answers in its place",
	goals: []goal{
		{metric: "certificates/s", side: "Signet", reference: "bound, null webhook", atLeast: 0.85},
		{metric: "CPU of signer, µs a certificate", side: "Signet", reference: "cert-manager, null webhook", atMost: 0.25},
	},
	run: func(ctx context.Context, t terms, record record) error {
		s, err := newIssuanceStage(ctx, t.dir, lab.P256)
		if err != nil {
			return err
		}
		defer s.end()
		certManager, err := s.certManager(ctx)
		if err != nil {
			return err
		}
		if err := s.signet.Register(ctx); err != nil {
			return err
		}
		// Nobody answers yet.
		if err := s.await(ctx, func(_ bool, err error) bool { return err != nil }); err != nil {
			return err
		}
		return s.takeTurns(ctx, t, record, s.behindNullWebhook(ctx, s.bound("bound")), s.whole(ctx, "Signet"), s.behindNullWebhook(ctx, certManager))
	},
}

// takeTurns has every contender issue the same, in turns.
func (s *issuanceStage) takeTurns(ctx context.Context, t terms, record record, contenders ...contender) error {
	orders, err := makeOrders(warmUp+issued, s.authorities)
	if err != nil {
		return err
	}
	for range t.rounds {
		for _, c := range contenders {
			if err := s.turn(ctx, c, orders, record); err != nil {
				return err
			}
		}
	}
	return nil
}
