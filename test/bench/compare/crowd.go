package main

import (
	"context"
	"path/filepath"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

const others = 50_000

// crowd is a cluster with many requests that are not Signet's business, or not any more.
var crowd = comparison{
	name: "crowd",
	title: "as issue-p256, in a cluster with 50,000 other requests: half for a foreign signer, a quarter signed and a quarter denied of Signet's; " +
		"empty: a cluster beside it without them",
	goals: []goal{
		{metric: "CPU of signer, µs a certificate", side: "Signet, crowded", reference: "Signet, empty", atMost: 1.05},
		{metric: "certificates/s", side: "Signet, crowded", reference: "Signet, empty", atLeast: 0.95},
		{metric: "peak RSS of signer, MB", side: "Signet, crowded", atMost: 64},
	},
	run: func(ctx context.Context, t terms, record record) error {
		empty, err := newIssuanceStage(ctx, filepath.Join(t.dir, "empty"), lab.P256)
		if err != nil {
			return err
		}
		defer empty.end()
		crowded, err := newIssuanceStage(ctx, filepath.Join(t.dir, "crowded"), lab.P256)
		if err != nil {
			return err
		}
		defer crowded.end()
		if err := crowded.fill(ctx); err != nil {
			return err
		}
		for range t.rounds {
			for _, stage := range []struct {
				name string
				*issuanceStage
			}{{"empty", empty}, {"crowded", crowded}} {
				one := t
				one.rounds = 1
				if err := stage.takeTurns(ctx, one, record, stage.bound("bound, "+stage.name), stage.signer("Signet, "+stage.name)); err != nil {
					return err
				}
			}
		}
		return nil
	},
}

// fill makes the others.
func (s *issuanceStage) fill(ctx context.Context) error {
	orders, err := makeOrders(others/4, s.authorities) // a key may be asked for twice
	if err != nil {
		return err
	}
	put, requests := s.put(), s.istiodUser.Client().CertificatesV1().CertificateSigningRequests()
	return inParallel(others, inFlight, func(i int) error {
		one := orders[i%len(orders)]
		if i%2 == 0 {
			object := one.object.DeepCopy()
			object.Spec.SignerName = "example.com/other"
			_, err := s.istiod.Submit(ctx, object)
			return err
		}
		created, err := s.istiod.Submit(ctx, one.object)
		if err != nil {
			return err
		}
		if i%4 == 1 {
			created.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{
				{Type: certificatesv1.CertificateDenied, Status: corev1.ConditionTrue, Reason: "Denied"}}
			_, err = requests.UpdateApproval(ctx, created.Name, created, metav1.UpdateOptions{})
			return err
		}
		approved, err := s.istiod.Approve(ctx, created)
		if err != nil {
			return err
		}
		return put(ctx, approved, one.certificate)
	})
}
