package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"signet/test/cluster/lab"
)

// contender is one side: who publishes the certificates.
type contender struct {
	name    string
	start   func() (*lab.Process, error) // nil: the client writes in a signer's place
	webhook func() (*lab.Process, error) // nil: none but what is started already
	adapt   func(*certificatesv1.CertificateSigningRequest)
}

func (s *issuanceStage) bound(name string) contender { return contender{name: name} }

func (s *issuanceStage) signer(name string) contender {
	return contender{name: name, start: func() (*lab.Process, error) { return s.signet.Serve("signer") }}
}

// whole is Signet with its webhooks, which are registered already.
func (s *issuanceStage) whole(ctx context.Context, name string) contender {
	return contender{name: name, start: func() (*lab.Process, error) {
		process, err := s.signet.Serve("all")
		if err != nil {
			return nil, err
		}
		return process, s.await(ctx, func(asked bool, err error) bool { return asked })
	}}
}

// behindNullWebhook is the contender where a webhook that allows everything answers in Signet's place.
func (s *issuanceStage) behindNullWebhook(ctx context.Context, c contender) contender {
	c.name += ", null webhook"
	c.webhook = func() (*lab.Process, error) {
		process, err := startNullWebhook(s.dir, s.signet)
		if err != nil {
			return nil, err
		}
		return process, s.await(ctx, func(asked bool, err error) bool { return !asked && err == nil })
	}
	return c
}

// certManager is the CA ClusterIssuer of each tenant, with its CA. The API server has priority and fairness, so cert-manager does not
// throttle itself.
func (s *issuanceStage) certManager(ctx context.Context) (contender, error) {
	dir := filepath.Join(s.dir, "cert-manager")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return contender{}, err
	}
	manager, err := s.plane.InstallCertManager(ctx, dir)
	if err == nil {
		err = manager.MakeIssuers(ctx, s.authorities)
	}
	return contender{name: "cert-manager", start: func() (*lab.Process, error) {
		if err := manager.Start(true); err != nil {
			return nil, err
		}
		return manager.Process(), manager.WaitForIssuers(ctx)
	}}, err
}

// signingController has the first tenant's CA for all.
func (s *issuanceStage) signingController(ctx context.Context, binary string) (contender, error) {
	dir := filepath.Join(s.dir, "signing-controller")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return contender{}, err
	}
	controller, err := s.plane.InstallSigningController(ctx, dir, binary, s.authorities[tenants[0]])
	return contender{
		name:  "kube-controller-manager",
		start: func() (*lab.Process, error) { return controller.Start() },
		adapt: func(object *certificatesv1.CertificateSigningRequest) {
			object.Spec.SignerName = lab.ControllerSigner
			object.Spec.Usages = []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment,
				certificatesv1.UsageClientAuth}
		},
	}, err
}

func (c contender) orders(orders []order) []order {
	if c.adapt == nil {
		return orders
	}
	adapted := make([]order, len(orders))
	for i, order := range orders {
		order.object = order.object.DeepCopy()
		c.adapt(order.object)
		adapted[i] = order
	}
	return adapted
}

// warmUp is what each side issues before the clock runs: connections, caches, the runtime's heaps.
const warmUp = 200

// turn has the contender issue the orders and records what that took.
func (s *issuanceStage) turn(ctx context.Context, c contender, orders []order, record record) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var signer *lab.Process
	var started []observed
	start := func(name string, start func() (*lab.Process, error)) (*lab.Process, error) {
		process, err := start()
		if process != nil {
			started = append(started, observed{name, process})
		}
		return process, err
	}
	defer func() {
		for _, one := range started {
			err = errors.Join(err, one.process.Stop(20*time.Second))
		}
	}()
	if c.webhook != nil {
		if _, err = start("webhook", c.webhook); err != nil {
			return err
		}
	}
	var write writer
	if c.start == nil {
		write = s.put()
	} else if signer, err = start("signer", c.start); err != nil {
		return err
	}
	orders = c.orders(orders)
	if _, err := issue(ctx, s.istiod, orders[:warmUp], write); err != nil {
		return err
	}
	meter, err := s.measure(started...)
	if err != nil {
		return err
	}
	waits, err := issue(ctx, s.istiod, orders[warmUp:], write)
	if err != nil {
		return err
	}
	if err := meter.record(record, c.name, len(waits)); err != nil {
		return err
	}
	record("approval to certificate, median, ms", c.name, milliseconds(waits[len(waits)/2]))
	record("approval to certificate, 99 %, ms", c.name, milliseconds(waits[len(waits)*99/100]))
	if signer == nil {
		return nil
	}
	peak, err := peakMemory(signer)
	record("peak RSS of signer, MB", c.name, peak/1e6)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
