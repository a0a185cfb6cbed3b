package cluster

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

// A serving certificate that Signet keeps itself, in a Secret that its replicas share.

const servingSecret = "signet-serving"

// replicas are two Signets that keep one Secret. The first is the stage's, and so the one that is registered.
type replicas [2]*lab.Signet

// withReplicas makes them, and a namespace and an account of their own, until the test ends.
func withReplicas(t *testing.T) replicas {
	t.Helper()
	account, err := stage.plane.CreateAccount(patient(t), namespaceOf(t), "signet", slices.Concat(lab.SignetRules(allSigners...), lab.ServingRules(servingSecret)))
	if err != nil {
		t.Fatal(err)
	}
	before := stage.signet
	t.Cleanup(func() { stage.signet = before })
	var both replicas
	for i := range both {
		if both[i], err = before.As(account, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		both[i].ServingSecret = servingSecret
	}
	stage.signet = both[0]
	return both
}

// serve runs both, which start at the same time, and returns when they are ready.
func (r replicas) serve(t *testing.T) {
	t.Helper()
	var starting sync.WaitGroup
	for _, signet := range r {
		starting.Go(func() {
			process, err := signet.Serve("webhook")
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() {
				stop(t, process)
				if t.Failed() {
					t.Logf("signet's log:\n%s", process.Output())
				}
			})
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// shown is what both show; an error if that is not the same.
func (r replicas) shown() (*x509.Certificate, error) {
	var certificates [2]*x509.Certificate
	for i, signet := range r {
		certificate, err := dialed(signet)
		if err != nil {
			return nil, err
		}
		certificates[i] = certificate
	}
	if !certificates[0].Equal(certificates[1]) {
		return nil, fmt.Errorf("one shows the certificate with serial %v, the other that with %v", certificates[0].SerialNumber, certificates[1].SerialNumber)
	}
	return certificates[0], nil
}

// await waits until both show one certificate that is as wished.
func (r replicas) await(t *testing.T, wished func(*x509.Certificate) bool) (seen *x509.Certificate) {
	t.Helper()
	deadline := time.Now().Add(2 * patience) // they look every ten seconds
	for {
		certificate, err := r.shown()
		if err == nil && wished(certificate) {
			return certificate
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, %v", certificate, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func servingData(t *testing.T) map[string][]byte {
	t.Helper()
	secret, err := stage.plane.Admin().CoreV1().Secrets(namespaceOf(t)).Get(patient(t), servingSecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return secret.Data
}

// namespaceOf the Secret: each test has its own.
func namespaceOf(t *testing.T) string {
	return "serving-" + strings.ToLower(t.Name()[len("TestAServingCertificate"):])
}

// caBundles are those of all of Signet's webhooks.
func caBundles(t *testing.T) (bundles [][]byte) {
	t.Helper()
	registrations := stage.plane.Admin().AdmissionregistrationV1()
	validating, err := registrations.ValidatingWebhookConfigurations().Get(patient(t), "signet", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, webhook := range validating.Webhooks {
		bundles = append(bundles, webhook.ClientConfig.CABundle)
	}
	mutating, err := registrations.MutatingWebhookConfigurations().Get(patient(t), "signet", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, webhook := range mutating.Webhooks {
		bundles = append(bundles, webhook.ClientConfig.CABundle)
	}
	return bundles
}

func awaitCABundles(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		want := servingData(t)["ca.crt"]
		for _, bundle := range caBundles(t) {
			if !bytes.Equal(bundle, want) {
				return fmt.Errorf("a webhook trusts %q, want %q", bundle, want)
			}
		}
		return nil
	})
}

func TestAServingCertificateIsMadeOnceAndSharedByReplicas(t *testing.T) {
	both := withReplicas(t)
	both.serve(t)
	both.await(t, func(*x509.Certificate) bool { return true })
	register(t) // without a caBundle: it is put in
	awaitCABundles(t)
	_, err := dryRun(t, thief())
	expectRefused(t, err, "SignerNotAllowed")

	// One that somebody overwrites is mended.
	other, err := lab.NewRoot("other")
	if err != nil {
		t.Fatal(err)
	}
	registrations := stage.plane.Admin().AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := registrations.Get(patient(t), "signet", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	configuration.Webhooks[0].ClientConfig.CABundle = lab.PEM(other.Certificate)
	if _, err := registrations.Update(patient(t), configuration, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitCABundles(t)
	awaitWebhooks(t, true)
}

func TestAServingCertificateIsRenewedWithItsCAWithoutLosingAReview(t *testing.T) {
	both := withReplicas(t)
	const year = 365 * 24 * time.Hour
	old, err := lab.NewRootSince("signet serving", 8*year, 2*year) // two thirds are over
	if err != nil {
		t.Fatal(err)
	}
	caKey, err := lab.KeyPEM(old.Key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := old.ServingFor("localhost", time.Hour, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	secrets := stage.plane.Admin().CoreV1().Secrets(namespaceOf(t))
	if _, err := secrets.Create(patient(t), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: servingSecret},
		Data:       map[string][]byte{"ca.crt": lab.PEM(old.Certificate), "ca.key": caKey, "tls.crt": certificate, "tls.key": key},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	both.serve(t)
	byOld := func(certificate *x509.Certificate) bool {
		return certificate.CheckSignatureFrom(old.Certificate) == nil
	}
	first := both.await(t, byOld)
	register(t)
	awaitCABundles(t)
	roots, err := lab.ParsePEM(servingData(t)["ca.crt"])
	if err != nil || len(roots) != 2 || !roots[1].Equal(old.Certificate) {
		t.Fatalf("%d CAs, %v; want a new one before the old one", len(roots), err)
	}

	ctx, end := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asked := 0
	asking.Go(func() {
		for ctx.Err() == nil {
			if _, err := dryRun(t, thief()); err == nil || !strings.Contains(err.Error(), "denied the request: signet: SignerNotAllowed") {
				t.Errorf("not reviewed: %v", err)
				return
			}
			asked++
		}
	})
	// Two thirds of another are over soon.
	if certificate, key, err = old.ServingFor("localhost", 16*time.Minute, 8*time.Minute+15*time.Second); err != nil {
		t.Fatal(err)
	}
	secret, err := secrets.Get(patient(t), servingSecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret.Data["tls.crt"], secret.Data["tls.key"] = certificate, key
	if _, err := secrets.Update(patient(t), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	renewed := both.await(t, func(certificate *x509.Certificate) bool {
		return certificate.CheckSignatureFrom(roots[0]) == nil
	})
	end()
	asking.Wait()
	if renewed.Equal(first) || asked == 0 {
		t.Errorf("after %d reviews still the certificate with serial %v", asked, first.SerialNumber)
	}
	awaitCABundles(t)
}
