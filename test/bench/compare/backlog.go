package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"signet/test/cluster/lab"
)

const waiting = 20_000

// backlog is what a signer finds after it was away. Once each: a control plane is filled for it.
var backlog = comparison{
	name: "backlog",
	title: "20,000 approved requests wait when the signer is started; from then to the last certificate, once, CAs of P-256; bound: the client " +
		"writes certificates made before, 64 in flight",
	goals: []goal{
		{metric: "certificates/s", side: "Signet", reference: "bound", atLeast: 0.85},
		{metric: "peak RSS of signer, MB", side: "Signet", atMost: 64},
	},
	run: func(ctx context.Context, t terms, record record) error {
		for _, side := range []string{"bound", "Signet"} {
			if err := drain(ctx, filepath.Join(t.dir, side), side, side == "Signet", record); err != nil {
				return err
			}
		}
		return nil
	},
}

func drain(ctx context.Context, dir, side string, bySignet bool, record record) error {
	s, err := newIssuanceStage(ctx, dir, lab.P256)
	if err != nil {
		return err
	}
	defer s.end()
	orders, err := makeOrders(waiting, s.authorities)
	if err != nil {
		return err
	}
	approved, err := s.approved(ctx, orders)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	allIssued, err := s.awaitCertificates(ctx, waiting)
	if err != nil {
		return err
	}
	meter, err := s.measure()
	if err != nil {
		return err
	}
	if !bySignet {
		put := s.put()
		if err := inParallel(waiting, inFlight, func(i int) error { return put(ctx, approved[i], orders[i].certificate) }); err != nil {
			return err
		}
		if err := <-allIssued; err != nil {
			return err
		}
		return meter.record(record, side, waiting)
	}
	process, err := s.signet.Launch("signer")
	if err != nil {
		return err
	}
	defer process.Kill()
	meter.include("signer", process)
	if err := <-allIssued; err != nil {
		return fmt.Errorf("%w\n%s", err, process.Output())
	}
	if err := meter.record(record, side, waiting); err != nil {
		return err
	}
	peak, err := peakMemory(process)
	record("peak RSS of signer, MB", side, peak/1e6)
	return err
}

// awaitCertificates watches from now on, and tells when that many requests have got a certificate.
func (s *issuanceStage) awaitCertificates(ctx context.Context, count int) (<-chan error, error) {
	config := s.plane.AdminConfig()
	config.ContentType = runtime.ContentTypeProtobuf // the cheapest to follow
	requests := kubernetes.NewForConfigOrDie(config).CertificatesV1().CertificateSigningRequests()
	now, err := requests.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		seen := 0
		// The API server ends a watch that does not keep up.
		for version := now.ResourceVersion; seen < count; {
			watch, err := requests.Watch(ctx, metav1.ListOptions{ResourceVersion: version})
			if err != nil {
				done <- fmt.Errorf("after %d of %d certificates: %w", seen, count, err)
				return
			}
			for event := range watch.ResultChan() {
				if object, ok := event.Object.(*certificatesv1.CertificateSigningRequest); ok {
					version = object.ResourceVersion
					if lab.HasCertificate(object) {
						seen++
					}
				}
				if seen == count {
					break
				}
			}
			watch.Stop()
		}
		done <- nil
	}()
	return done, nil
}
