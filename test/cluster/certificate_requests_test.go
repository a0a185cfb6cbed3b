package cluster

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"signet/test/cluster/lab"
)

// The door beside the CertificateSigningRequest: cert-manager's own CertificateRequest.

func TestCertManagersOwnRequestsCannotGoAroundTheSigner(t *testing.T) {
	client := installKind(t, lab.CertificateRequests, "CertificateRequest").Namespace("foo")
	makeNamespaces(t, "foo")
	create := func(t *testing.T, issuer map[string]any, options metav1.CreateOptions) (*unstructured.Unstructured, error) {
		return client.Create(patient(t), certificateRequest(map[string]any{"issuerRef": issuer, "request": "Li4u"}), options)
	}
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	ours := []map[string]any{
		{"name": "foo", "kind": "ClusterIssuer"},
		{"name": "bar", "kind": "ClusterIssuer", "group": ""},
		{"name": "istio-system", "kind": "ClusterIssuer", "group": "cert-manager.io"},
	}
	others := []map[string]any{
		{"name": "letsencrypt", "kind": "ClusterIssuer"},
		{"name": "foo"},
		{"name": "foo", "kind": "Issuer", "group": "cert-manager.io"},
		{"name": "foo", "kind": "ClusterIssuer", "group": "example.com"},
	}
	before, err := create(t, ours[0], metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	process := serve(t, "webhook")
	register(t)
	other, err := create(t, others[0], metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pass := func(t *testing.T) {
		for _, issuer := range others {
			if _, err := create(t, issuer, dry); err != nil {
				t.Errorf("%v: %v", issuer, err)
			}
		}
		for _, object := range []*unstructured.Unstructured{before, other} {
			if err := update(t, client, object, "labelled", "metadata", "labels", "a"); err != nil {
				t.Errorf("a label: %v", err)
			}
		}
	}
	for _, issuer := range ours {
		t.Run(fmt.Sprint(issuer), func(t *testing.T) {
			_, err := create(t, issuer, dry)
			expectRefused(t, err, "SignerNotAllowed")
		})
	}
	t.Run("an update that makes the issuer ours", func(t *testing.T) {
		expectRefused(t, update(t, client, other, "foo", "spec", "issuerRef", "name"), "SignerNotAllowed")
	})
	t.Run("an update of what is asked of one that was ours before", func(t *testing.T) {
		expectRefused(t, update(t, client, before, "Li4v", "spec", "request"), "SignerNotAllowed")
	})
	t.Run("other issuers, and labels", pass)
	t.Run("Signet down", func(t *testing.T) {
		process.Kill()
		for _, issuer := range ours {
			_, err := create(t, issuer, dry)
			expectUnjudged(t, err)
		}
	})
	t.Run("other issuers, and labels, Signet down", pass)
}

func TestCertManagersOwnRequestsAreJudgedWhereThePolicySaysSo(t *testing.T) {
	installKind(t, lab.CertificateRequests, "CertificateRequest")
	withPolicy(t, "certificateRequests: evaluate", "routedSigner: routed")
	process := serve(t, "webhook")
	register(t)
	foo, bar := requesterOf(t, "foo"), requesterOf(t, "bar") // both write to namespace foo
	own := spec(t, "foo", "requester")
	with := func(spec map[string]any, field string, value any) map[string]any {
		changed := map[string]any{field: value}
		for name, value := range spec {
			if name != field {
				changed[name] = value
			}
		}
		return changed
	}
	issuer := func(name string) map[string]any { return map[string]any{"name": name, "kind": "ClusterIssuer"} }
	cases := []struct {
		name   string
		client dynamic.ResourceInterface
		spec   map[string]any
		reason string // empty: admitted
	}{
		{"its own identity from its tenant's signer", foo, own, ""},
		{"hours with a fraction", foo, with(own, "duration", "1.5h"), ""},
		{"another tenant's signer", foo, with(own, "issuerRef", issuer("bar")), "SignerNotAllowed"},
		{"the routed signer", foo, with(own, "issuerRef", issuer("routed")), "SignerNotAllowed"},
		{"another account's identity", foo, spec(t, "foo", "httpbin"), "RequesterNotAllowed"},
		{"another tenant's identity", foo, spec(t, "bar", "requester"), "RequesterNotAllowed"},
		{"by another tenant's account", bar, own, "RequesterNotAllowed"},
		{"by another tenant's account in the right one's name", bar, with(own, "username", "system:serviceaccount:foo:requester"), "RequesterNotAllowed"},
		{"too long", foo, with(own, "duration", "24h0m1s"), "DurationTooLong"},
		{"as long as cert-manager likes", foo, with(own, "duration", nil), "DurationTooLong"},
		{"no duration at all", foo, with(own, "duration", "soon"), "RequestMalformed"},
		{"a CA", foo, with(own, "isCA", true), "CaRequested"},
		{"a usage that nobody has", foo, with(own, "usages", []any{"code signing"}), "UsageNotAllowed"},
		{"another issuer", bar, with(spec(t, "foo", "httpbin"), "issuerRef", issuer("letsencrypt")), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.client.Create(patient(t), certificateRequest(c.spec), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if c.reason != "" {
				expectRefused(t, err, c.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}

	created, err := foo.Create(patient(t), certificateRequest(own), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	updates := []struct {
		name   string
		client dynamic.ResourceInterface
		value  any
		path   []string
		reason string // empty: admitted
	}{
		{"a label by anybody", bar, "b", []string{"metadata", "labels", "a"}, ""},
		{"another length", foo, "2h", []string{"spec", "duration"}, ""},
		{"too long", foo, "87600h", []string{"spec", "duration"}, "DurationTooLong"},
		{"into a CA", foo, true, []string{"spec", "isCA"}, "CaRequested"},
		{"another tenant's signer", foo, "bar", []string{"spec", "issuerRef", "name"}, "SignerNotAllowed"},
		{"another's identity", foo, spec(t, "foo", "httpbin")["request"], []string{"spec", "request"}, "RequesterNotAllowed"},
		{"another length by somebody else", bar, "3h", []string{"spec", "duration"}, "RequesterNotAllowed"},
	}
	for _, c := range updates {
		t.Run("an update: "+c.name, func(t *testing.T) {
			err := update(t, c.client, created, c.value, c.path...)
			if c.reason != "" {
				expectRefused(t, err, c.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("Signet down", func(t *testing.T) {
		process.Kill()
		_, err := foo.Create(patient(t), certificateRequest(own), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		expectUnjudged(t, err)
		expectUnjudged(t, update(t, foo, created, "1h", "spec", "duration"))
		if err := update(t, foo, created, "c", "metadata", "labels", "a"); err != nil {
			t.Errorf("a label waits for Signet: %v", err)
		}
		if err := foo.Delete(patient(t), created.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Errorf("clean-up waits for Signet: %v", err)
		}
	})
}

// requesterOf is the service account "requester" of that namespace, which may write CertificateRequests to namespace foo.
func requesterOf(t *testing.T, namespace string) dynamic.ResourceInterface {
	t.Helper()
	account, err := stage.plane.CreateAccount(patient(t), namespace, "requester", lab.Rules{{
		APIGroups: []string{lab.CertificateRequests.Group}, Resources: []string{lab.CertificateRequests.Resource},
		Verbs: []string{rbacv1.VerbAll},
	}})
	if err != nil {
		t.Fatal(err)
	}
	client := dynamic.NewForConfigOrDie(account.Config()).Resource(lab.CertificateRequests).Namespace("foo")
	eventually(t, func() error { // the API server hears of the account's rights a moment later
		_, err := client.List(patient(t), metav1.ListOptions{})
		return err
	})
	return client
}

// spec asks the issuer of the namespace's tenant for the identity of that account, for an hour.
func spec(t *testing.T, namespace, account string) map[string]any {
	t.Helper()
	request, _, err := lab.Workload("", namespace, account).PEM()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"request":   base64.StdEncoding.EncodeToString(request),
		"issuerRef": map[string]any{"name": namespace, "kind": "ClusterIssuer", "group": "cert-manager.io"},
		"duration":  "1h0m0s",
		"usages":    []any{"digital signature", "server auth", "client auth"},
	}
}

func certificateRequest(spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
		"metadata": map[string]any{"generateName": "request-"},
		"spec":     spec,
	}}
}

// update sets the field of the object as it stands now.
func update(t *testing.T, client dynamic.ResourceInterface, object *unstructured.Unstructured, value any, field ...string) error {
	t.Helper()
	current, err := client.Get(patient(t), object.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(current.Object, value, field...); err != nil {
		t.Fatal(err)
	}
	_, err = client.Update(patient(t), current, metav1.UpdateOptions{})
	return err
}

// expectUnjudged wants the request refused, because nobody could judge it.
func expectUnjudged(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
		t.Errorf("%v; want it refused, because nobody could judge it", err)
	}
}
