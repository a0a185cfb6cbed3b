package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"signet/test/cluster/lab"
)

const (
	signerDomain = "clusterissuers.cert-manager.io"
	inFlight     = 64
)

var tenants = []string{"foo", "bar", "istio-system"}

func signerNames() []string {
	var names []string
	for _, tenant := range tenants {
		names = append(names, signerDomain+"/"+tenant)
	}
	return names
}

// order is a request as istiod would make it for a workload, with its key made before any clock runs, and a certificate as the
// tenant's CA would issue it.
type order struct {
	object      *certificatesv1.CertificateSigningRequest
	certificate []byte
}

// makeOrders makes them for one tenant after the other.
func makeOrders(count int, authorities map[string]*lab.Authority) ([]order, error) {
	orders := make([]order, count)
	return orders, inParallel(count, inFlight, func(i int) error {
		tenant := tenants[i%len(tenants)]
		request := lab.Workload(signerDomain+"/"+tenant, tenant, "httpbin")
		object, key, err := request.Object()
		if err != nil {
			return err
		}
		identity, err := url.Parse(request.URIs[0])
		if err != nil {
			return err
		}
		leaf, err := authorities[tenant].Sign(&x509.Certificate{
			NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(request.Lifetime),
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			URIs:        []*url.URL{identity}, BasicConstraintsValid: true,
		}, key.Public())
		orders[i] = order{object: object, certificate: lab.PEM(leaf)}
		return err
	})
}

// writer publishes a certificate in a signer's place.
type writer func(ctx context.Context, approved *certificatesv1.CertificateSigningRequest, certificate []byte) error

// issue takes every order the whole way, that many at a time: create, approve, wait for the certificate by a watch, delete. Where
// nobody signs, write does. It returns how long each waited from approval to certificate, sorted.
func issue(ctx context.Context, istiod *lab.IstiodStandIn, orders []order, write writer) ([]time.Duration, error) {
	waits := make([]time.Duration, len(orders))
	err := inParallel(len(orders), inFlight, func(i int) error {
		created, err := istiod.Submit(ctx, orders[i].object)
		if err != nil {
			return err
		}
		approved, err := istiod.Approve(ctx, created)
		if err != nil {
			return err
		}
		began := time.Now()
		if write != nil {
			if err := write(ctx, approved, orders[i].certificate); err != nil {
				return err
			}
		}
		settled, err := istiod.WaitFor(ctx, approved, lab.IsSettled)
		if err != nil {
			return err
		}
		waits[i] = time.Since(began)
		if !lab.HasCertificate(settled) {
			return fmt.Errorf("%s: %+v", settled.Name, settled.Status.Conditions)
		}
		return istiod.Delete(ctx, settled.Name)
	})
	slices.Sort(waits)
	return waits, err
}

// inParallel does 0 to count-1, so many at a time, and stops after the first error.
func inParallel(count, atOnce int, do func(i int) error) error {
	var next atomic.Int64
	var running sync.WaitGroup
	var once sync.Once
	var failed error
	for range min(atOnce, count) {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				if err := do(i); err != nil {
					once.Do(func() { failed = err })
					next.Store(int64(count))
				}
			}
		})
	}
	running.Wait()
	return failed
}
