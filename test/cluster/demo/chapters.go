package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"signet/test/cluster/lab"
)

const (
	reached    = "200"
	unverified = "503 by Envoy"
	powerless  = "runs, WITHOUT a certificate"
	stolen     = "GIVEN A CERTIFICATE"
	letIn      = "LET IN: 200"
)

// chapter is a table of the story; prepare sets who guards and who signs.
type chapter struct {
	title   string
	prepare func(context.Context, *story) error
	acts    []act[*story]
	remark  string
}

var chapters = []chapter{
	{
		"Without Signet: cert-manager signs what istiod asks",
		func(ctx context.Context, s *story) error { return s.populate(ctx) },
		[]act[*story]{
			{"curl in foo calls httpbin in foo", "foo/curl", "foo", reached, callsOwn},
			{"curl in foo calls httpbin in bar", "foo/curl", "foo", unverified, callsOther},
			{"a pod in bar, annotated ISTIO_META_CERT_SIGNER: foo", "bar/thief", "foo", stolen, steals},
			{"the same pod calls httpbin in foo", "bar/thief", "foo", letIn, breaksIn},
		},
		"The thief's certificate stays good until it ends: guard the signers first, or give foo's CA a new key.",
	},
	{
		"Signet guards, cert-manager signs",
		func(ctx context.Context, s *story) error {
			guard, err := s.task.GuardCertManager()
			if err != nil {
				return err
			}
			return errors.Join(s.guardWith(ctx, guard, "webhook"), s.populate(ctx))
		},
		[]act[*story]{
			{"curl in foo calls httpbin in foo", "foo/curl", "foo", reached, callsOwn},
			{"curl in foo calls httpbin in bar", "foo/curl", "foo", unverified, callsOther},
			{"a pod in bar, annotated ISTIO_META_CERT_SIGNER: foo", "bar/thief", "foo", refused, isRefused},
			{"the same pod, created while Signet was away", "bar/thief", "foo", powerless, getsPast},
			{"a pod in bar calls istiod itself and names foo", "bar/thief", "foo", refused, callsIstiod},
		},
		"",
	},
	{
		"Signet guards and signs, with the CAs that cert-manager made",
		func(ctx context.Context, s *story) error {
			return errors.Join(s.task.CertManager.Stop(), s.guardWith(ctx, s.task.Signet, "all"), s.populate(ctx))
		},
		[]act[*story]{
			{"curl in foo calls httpbin in foo", "foo/curl", "foo", reached, callsOwn},
			{"curl in foo calls httpbin in bar", "foo/curl", "foo", unverified, callsOther},
			{"a pod in bar, annotated ISTIO_META_CERT_SIGNER: foo", "bar/thief", "foo", refused, isRefused},
			{"a pod in bar calls istiod itself and names foo", "bar/thief", "foo", refused, callsIstiod},
			{"a node's ztunnel for a pod of bar, naming no signer", "bar/httpbin", "-", signed, isRouted},
			{"the thief again, while no webhook is registered", "bar/thief", "foo", failed, isUnsigned},
		},
		"",
	},
}

func callsOwn(ctx context.Context, s *story) (result, error) { return calls(ctx, s.curl, s.httpbin) }

func callsOther(ctx context.Context, s *story) (result, error) { return calls(ctx, s.curl, s.other) }

func calls(ctx context.Context, client, server *lab.MeshPod) (result, error) {
	answer, err := client.Call(ctx, server)
	if err != nil {
		return result{}, err
	}
	if answer.Status == http.StatusOK {
		return result{happened: reached, why: answer.Body + " says hello"}, nil
	}
	happened := fmt.Sprint(answer.Status)
	if answer.TransportFailure != "" {
		happened += " by Envoy"
	}
	return result{happened: happened, why: readable(answer.TransportFailure)}, nil
}

// readable is the reason that BoringSSL gives and what it says of it; in a header Envoy writes spaces as underscores.
func readable(failure string) string {
	const reason = "CERTIFICATE_VERIFY_FAILED"
	_, said, found := strings.Cut(failure, reason+":")
	if !found {
		return failure
	}
	return reason + ": " + strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(said, ":_", ": "), "_", " "), ":TLS error end")
}

// ofIstiod is a refusal without the parenthesis that istiod closes around what it hands on.
func ofIstiod(why string) string {
	if strings.Count(why, ")") > strings.Count(why, "(") {
		return strings.TrimSuffix(why, ")")
	}
	return why
}

func robber() *corev1.Pod {
	pod := lab.PodOf("bar", "thief")
	pod.Annotations = map[string]string{"proxy.istio.io/config": "proxyMetadata:\n  " + signerVariable + ": foo\n"}
	return pod
}

func steals(ctx context.Context, s *story) (_ result, err error) {
	if s.thief, err = s.task.Istio.CreatePod(ctx, s.plane.Admin(), robber()); err != nil {
		return result{}, err
	}
	if err := s.launch(s.thief); err != nil {
		return result{}, err
	}
	svid, err := s.thief.Await(time.Minute)
	if err != nil {
		return result{}, err
	}
	return result{happened: stolen, why: fmt.Sprintf("for %s, issued by the CA of %s: istiod passed the wish on and approved it", svid.Chain[0].URIs[0],
		svid.Chain[0].Issuer.CommonName)}, nil
}

func breaksIn(ctx context.Context, s *story) (result, error) {
	outcome, err := calls(ctx, s.thief, s.httpbin)
	if outcome.happened == reached {
		outcome.happened = letIn
	}
	return outcome, err
}

func isRefused(ctx context.Context, s *story) (result, error) {
	_, err := s.plane.Admin().CoreV1().Pods("bar").Create(ctx, robber(), metav1.CreateOptions{})
	if err == nil {
		return result{happened: admitted}, nil
	}
	return refusal(err, refused)
}

// getsPast: Pods are admitted while nobody answers, so that none waits for Signet. Certificates are not.
func getsPast(ctx context.Context, s *story) (result, error) {
	s.guard.Kill()
	pod, err := s.task.Istio.CreatePod(ctx, s.plane.Admin(), robber())
	if err = errors.Join(s.serve(), err); err != nil {
		return result{}, err
	}
	if err := s.launch(pod); err != nil {
		return result{}, err
	}
	for {
		said := pod.Process().Output()
		if _, why, heard := strings.Cut(said, "denied the request: "); heard {
			if _, err := pod.SVID(); !errors.Is(err, fs.ErrNotExist) {
				return result{happened: stolen}, err
			}
			why, _, _ = strings.Cut(why, "\n")
			return result{happened: powerless, why: "its agent hears: " + ofIstiod(why)}, nil
		}
		select {
		case <-ctx.Done():
			return result{}, ctx.Err()
		case <-pod.Process().Exited():
			return result{}, fmt.Errorf("the agent ended: %s", pod.Process().Ending())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func callsIstiod(ctx context.Context, s *story) (result, error) {
	pod, err := s.task.Istio.CreatePod(ctx, s.plane.Admin(), lab.PodOf("bar", "thief"))
	if err != nil {
		return result{}, err
	}
	_, _, err = pod.CreateCertificate(ctx, lab.CertificateCall{Request: lab.Workload("", "bar", "thief"), CertSigner: "foo"})
	if err == nil {
		return result{happened: signed}, nil
	}
	outcome, err := refusal(err, refused)
	outcome.why = ofIstiod(outcome.why)
	return outcome, err
}

func isRouted(ctx context.Context, s *story) (result, error) {
	const node = "node-a"
	ztunnel, err := s.task.Istio.CreateNodeProxy(ctx, node)
	if err != nil {
		return result{}, err
	}
	pod := lab.PodOf("bar", "httpbin")
	pod.Spec.NodeName = node
	if _, err := s.task.Istio.CreatePod(ctx, s.plane.Admin(), pod); err != nil {
		return result{}, err
	}
	request := lab.Workload("", "bar", "httpbin")
	request.NoSubject = true
	chain, _, err := ztunnel.CreateCertificate(ctx, lab.CertificateCall{Request: request, Impersonated: request.URIs[0]})
	if err != nil {
		return refusal(err, refused)
	}
	return result{happened: signed, why: fmt.Sprintf("issued by the CA of %s, the chain ends in the root of %s", chain[0].Issuer.CommonName, root(s, chain))}, nil
}

// root names whose root the chain ends in.
func root(s *story, chain []*x509.Certificate) string {
	for name, authority := range s.task.Authorities {
		if authority.Root().Equal(chain[len(chain)-1]) {
			return name
		}
	}
	return "nobody"
}

func isUnsigned(ctx context.Context, s *story) (result, error) {
	if err := s.unregister(ctx); err != nil {
		return result{}, err
	}
	pod, err := s.task.Istio.CreatePod(ctx, s.plane.Admin(), robber())
	if err != nil {
		return result{}, err
	}
	if err := s.launch(pod); err != nil {
		return result{}, err
	}
	requests := s.plane.Admin().CertificatesV1().CertificateSigningRequests()
	for {
		list, err := requests.List(ctx, metav1.ListOptions{FieldSelector: "spec.signerName=" + signerFoo})
		if err != nil {
			return result{}, err
		}
		for i := range list.Items {
			if lab.HasCertificate(&list.Items[i]) {
				return result{happened: stolen, why: list.Items[i].Name}, nil
			}
			if condition := lab.FailedCondition(&list.Items[i]); condition != nil {
				return result{happened: failed, why: "Failed: " + condition.Message}, nil
			}
		}
		select {
		case <-ctx.Done():
			return result{}, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
