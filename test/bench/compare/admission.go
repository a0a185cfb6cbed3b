package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// What a block of CREATEs, one after the other, consists of.
const (
	warmUpCreates = 20 // not measured: connections are made
	blockCreates  = 200
)

const (
	unguarded = "no webhook"
	guarded   = "both webhooks"
)

var admissionComparison = comparison{
	name: "admission",
	title: fmt.Sprintf("CREATE of a CertificateSigningRequest (P-256) by istiod through a real API server; blocks of %d, one after the other",
		blockCreates),
	goals: []goal{{metric: "p50 that the webhooks add, ms", side: signetSide, atMost: 2}},
	run:   compareAdmission,
}

func compareAdmission(ctx context.Context, t terms, record record) error {
	project, err := lab.Project()
	if err != nil {
		return err
	}
	plane, err := lab.StartControlPlane(t.dir)
	if err != nil {
		return err
	}
	defer plane.Stop()
	const domain = "clusterissuers.cert-manager.io"
	authorities := map[string]*lab.Authority{}
	var names []string
	for _, signer := range []string{"foo", "bar", "istio-system"} { // of the policy
		if authorities[signer], err = lab.NewRoot(signer + " root"); err != nil {
			return err
		}
		names = append(names, domain+"/"+signer)
	}
	account, err := plane.CreateAccount(ctx, "signet", "signet", lab.SignetRules(names...))
	if err != nil {
		return err
	}
	istiod, err := plane.CreateAccount(ctx, "istio-system", "istiod", lab.IstiodRules(domain))
	if err != nil {
		return err
	}
	signet, err := lab.NewSignet(filepath.Join(t.dir, "signet"), filepath.Join(project, "test", "testdata", "policy.yaml"), account, authorities)
	if err != nil {
		return err
	}
	process, err := signet.Serve("all")
	if err != nil {
		return err
	}
	defer process.Stop(10 * time.Second)

	var objects []*certificatesv1.CertificateSigningRequest
	for range warmUpCreates + blockCreates {
		object, _, err := lab.Workload(domain+"/foo", "foo", "httpbin").Object()
		if err != nil {
			return err
		}
		objects = append(objects, object)
	}
	requests := istiod.Client().CertificatesV1().CertificateSigningRequests()
	block := func() ([]float64, error) {
		var took []float64 // ms
		for i, object := range objects {
			began := time.Now()
			created, err := requests.Create(ctx, object, metav1.CreateOptions{})
			if err != nil {
				return nil, err
			}
			if i >= warmUpCreates {
				took = append(took, float64(time.Since(began).Nanoseconds())/1e6)
			}
			if err := requests.Delete(ctx, created.Name, metav1.DeleteOptions{}); err != nil {
				return nil, err
			}
		}
		slices.Sort(took)
		return took, nil
	}
	for range t.rounds {
		var p50 [2]float64
		for i, side := range []string{unguarded, guarded} {
			register := signet.Unregister
			if side == guarded {
				register = signet.Register
			}
			if err := register(ctx); err != nil {
				return err
			}
			if err := awaitAsked(ctx, plane, side == guarded); err != nil {
				return err
			}
			took, err := block()
			if err != nil {
				return err
			}
			p50[i] = took[len(took)/2]
			record("p50, ms", side, p50[i])
			record("p99, ms", side, took[len(took)*99/100])
		}
		record("p50 that the webhooks add, ms", signetSide, p50[1]-p50[0])
	}
	return nil
}

// awaitAsked waits until the API server has heard whether Signet is to be asked.
func awaitAsked(ctx context.Context, plane *lab.ControlPlane, asked bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return lab.Until(ctx, func() error {
		now, err := plane.IsAsked(ctx)
		if err == nil && now != asked {
			err = fmt.Errorf("asked: %v", now)
		}
		return err
	})
}
