package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"signet/test/cluster/lab"
)

// The second fence: what the API server keeps of the policy by itself. Nobody serves and no webhook is registered here.

// fenced are fields of a policy with all that its fence tells apart.
var fenced = []string{
	"namespaceAdmins: [platform]",
	"lockedVariables: [{name: ISTIO_META_NETWORK, values: [network-1]}, {name: PILOT_CERT_PROVIDER}]",
	"requesterGroups: [issuers]",
	"- {name: patterned, namespaces: [team-*, '*-team'], signers: [foo], serviceAccounts: [{name: batch, signers: [bar]}]}",
	"- {name: labelled, signers: [foo], namespaceSelector: {matchLabels: {tenant: labelled}, matchExpressions: [{key: lent, operator: DoesNotExist}]}}",
	"- {name: other, signers: [bar], namespaceSelector: {matchExpressions: [{key: tenant, operator: In, values: [other]}, {key: lent, operator: Exists}]}}",
	"- {name: relaxed, namespaces: [relaxed], signers: [foo], modes: {SignerNotAllowed: warn}}",
}

func TestTheAPIServerKeepsWhatProxyConfigsMaySayByItself(t *testing.T) {
	client := installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeFencedNamespaces(t)
	withPolicy(t, fenced...)
	fence(t)
	for _, c := range []struct {
		name      string
		namespace string
		variables map[string]any // nil: no spec
		reason    string         // empty: admitted
	}{
		{"its own", "foo", map[string]any{signerVariable: "foo"}, ""},
		{"another tenant's", "foo", map[string]any{signerVariable: "bar"}, "SignerNotAllowed"},
		{"none", "foo", map[string]any{"OTHER": "x"}, ""},
		{"no spec", "foo", nil, ""},
		{"no text", "foo", map[string]any{signerVariable: int64(7)}, "SignerNotAllowed"},
		{"the mesh's default in the root namespace", "istio-system", map[string]any{signerVariable: "istio-system"}, ""},
		{"a tenant's in the root namespace", "istio-system", map[string]any{signerVariable: "foo"}, "SignerNotAllowed"},
		{"by pattern, its own", "team-web", map[string]any{signerVariable: "foo"}, ""},
		{"by pattern, an account's", "team-web", map[string]any{signerVariable: "bar"}, ""},
		{"by pattern, another's", "web-team", map[string]any{signerVariable: "istio-system"}, "SignerNotAllowed"},
		{"by label, its own", "labelled-a", map[string]any{signerVariable: "foo"}, ""},
		{"by label, another's", "labelled-a", map[string]any{signerVariable: "bar"}, "SignerNotAllowed"},
		{"by two labels, its own", "labelled-b", map[string]any{signerVariable: "bar"}, ""},
		{"by two labels, another's", "labelled-b", map[string]any{signerVariable: "foo"}, "SignerNotAllowed"},
		{"nobody's for want of a label", "labelled-c", map[string]any{signerVariable: "bar"}, ""},
		{"of a tenant that is only warned", "relaxed", map[string]any{signerVariable: "bar", "PILOT_CERT_PROVIDER": "x"}, ""},
		{"of no tenant", "elsewhere", map[string]any{signerVariable: "foo", "PILOT_CERT_PROVIDER": "x"}, ""},
		{"a locked variable with its value", "foo", map[string]any{"ISTIO_META_NETWORK": "network-1"}, ""},
		{"a locked variable with another", "foo", map[string]any{"ISTIO_META_NETWORK": "network-2"}, "VariableLocked"},
		{"a locked variable in the root namespace", "istio-system", map[string]any{"PILOT_CERT_PROVIDER": "istiod"}, "VariableLocked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.Namespace(c.namespace).Create(patient(t), proxyConfig(c.variables), metav1.CreateOptions{DryRun: dryRunAll})
			expectFenced(t, err, c.reason)
		})
	}
	t.Run("an update to another tenant's", func(t *testing.T) {
		created, err := client.Namespace("foo").Create(patient(t), proxyConfig(map[string]any{signerVariable: "foo"}), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		expectFenced(t, update(t, client.Namespace("foo"), created, "bar", "spec", "environmentVariables", signerVariable), "SignerNotAllowed")
	})
}

func TestTheAPIServerKeepsWhatPodsMaySayByItself(t *testing.T) {
	makeFencedNamespaces(t)
	withPolicy(t, fenced...)
	installKind(t, lab.ProxyConfigs, "ProxyConfig")
	fence(t)
	environment := func(container string, variables ...corev1.EnvVar) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: container, Image: "example.com/x", Env: variables})
		}
	}
	signer := func(value string) func(*corev1.Pod) {
		return environment("x", corev1.EnvVar{Name: "A", Value: "b"}, corev1.EnvVar{Name: signerVariable, Value: value})
	}
	by := func(account string, change func(*corev1.Pod)) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			change(p)
			p.Spec.ServiceAccountName = account
		}
	}
	from := corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}
	config := func(text string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Annotations = map[string]string{"proxy.istio.io/config": text} }
	}
	crowd := func(many int) func(*corev1.Pod) {
		env := make([]corev1.EnvVar, many)
		for i := range env {
			env[i].Name = "A"
		}
		return environment("x", env...)
	}
	for _, c := range []struct {
		name      string
		namespace string
		change    func(*corev1.Pod)
		reason    string // empty: admitted
	}{
		{"nothing said", "foo", func(*corev1.Pod) {}, ""},
		{"other variables", "foo", environment("istio-proxy", corev1.EnvVar{Name: "A", ValueFrom: &from}), ""},
		{"its own", "foo", signer("foo"), ""},
		{"another's", "foo", signer("bar"), "SignerNotAllowed"},
		{"the mesh's default", "foo", signer("istio-system"), ""},
		{"none, but the variable", "foo", signer(""), "SignerNotAllowed"},
		{"of other variables", "foo", signer("$(A)"), "SignerNotAllowed"},
		{"from elsewhere", "foo", environment("x", corev1.EnvVar{Name: signerVariable, ValueFrom: &from}), "SignerNotAllowed"},
		{"another's, in an init container", "bar", func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "x", Env: []corev1.EnvVar{{Name: signerVariable, Value: "foo"}}}}
		}, "SignerNotAllowed"},
		{"in the root namespace", "istio-system", signer("foo"), ""},
		{"of no tenant", "elsewhere", signer("foo"), ""},
		{"of a tenant that is only warned", "relaxed", signer("bar"), ""},
		{"by pattern", "team-web", signer("bar"), "SignerNotAllowed"},
		{"by pattern, an account with a signer of its own", "team-web", by("batch", signer("bar")), ""},
		{"by pattern, such an account with the tenant's", "team-web", by("batch", signer("foo")), "SignerNotAllowed"},
		{"by label", "labelled-a", signer("bar"), "SignerNotAllowed"},
		{"by label, its own", "labelled-a", signer("foo"), ""},
		{"a locked variable of the proxy", "foo", environment("istio-proxy", corev1.EnvVar{Name: "PILOT_CERT_PROVIDER", Value: "x"}), "VariableLocked"},
		{"a locked variable of the proxy, from elsewhere", "foo",
			environment("istio-proxy", corev1.EnvVar{Name: "ISTIO_META_NETWORK", ValueFrom: &from}), "VariableLocked"},
		{"a locked variable of the proxy with its value", "foo",
			environment("istio-proxy", corev1.EnvVar{Name: "ISTIO_META_NETWORK", Value: "network-1"}), ""},
		{"a locked variable of an application", "foo", environment("x", corev1.EnvVar{Name: "PILOT_CERT_PROVIDER", Value: "x"}), ""},
		{"many variables", "foo", crowd(9_999), ""},
		{"another's, behind many variables", "foo", func(p *corev1.Pod) {
			crowd(9_999)(p)
			p.Spec.Containers[1].Env = append(p.Spec.Containers[1].Env, corev1.EnvVar{Name: signerVariable, Value: "bar"})
		}, "SignerNotAllowed"},
		{"a crowd of variables", "foo", crowd(165_000), "SignerNotAllowed"},
		{"a crowd of variables, of no tenant", "elsewhere", crowd(165_000), ""},

		{"an annotation of other things", "foo", config("concurrency: 2\nproxyMetadata:\n  A: \"b c\"\n"), ""},
		{"an annotation with a pattern", "foo", config(`proxyStatsMatcher: {inclusionRegexps: ['.*\.upstream\d+', "a\\.b"]}`), ""},
		{"its own, by annotation", "foo", config("proxyMetadata:\n  ISTIO_META_CERT_SIGNER: foo\n  A: b"), ""},
		{"its own, in quotes", "foo", config("proxyMetadata:\n  ISTIO_META_CERT_SIGNER: \"foo\"\n"), ""},
		{"another's, by annotation", "foo", config("proxyMetadata:\n  ISTIO_META_CERT_SIGNER: bar\n"), "SignerNotAllowed"},
		{"another's, beside its own", "foo", config("proxyMetadata:\n  ISTIO_META_CERT_SIGNER: foo\nproxy_metadata: {ISTIO_META_CERT_SIGNER: bar}\n"), "SignerNotAllowed"},
		{"another's, as JSON", "foo", config(`{"proxyMetadata":{"ISTIO_META_CERT_SIGNER":"bar"}}`), "SignerNotAllowed"},
		{"another's, by code", "foo", config(`proxyMetadata: {"ISTIO_META\x5fCERT_SIGNER": bar}`), "SignerNotAllowed"},
		{"another's, by JSON's code", "foo", config(`{"proxyMetadata":{"ISTIO_META\u005fCERT_SIGNER":"bar"}}`), "SignerNotAllowed"},
		{"another's, over two lines", "foo", config("proxyMetadata: {\"ISTIO_META_CERT_\\\n    SIGNER\": bar}"), "SignerNotAllowed"},
		{"another's, over two lines of other systems", "foo", config("proxyMetadata: {\"ISTIO_META_CERT_\\\u0085    SIGNER\": bar}"), "SignerNotAllowed"},
		{"another's, in base64", "foo", config("proxyMetadata:\n  !!binary SVNUSU9fTUVUQV9DRVJUX1NJR05FUg==: bar\n"), "SignerNotAllowed"},
		{"another's, in base64 of a flow", "foo", config("proxyMetadata: {?!!binary SVNUSU9fTUVUQV9DRVJUX1NJR05FUg== : bar}"), "SignerNotAllowed"},
		{"another's, by an anchor", "foo", config("a: &a bar\nproxyMetadata:\n  ISTIO_META_CERT_SIGNER: *a\n"), "SignerNotAllowed"},
		{"another's, of another line's end", "foo", config("proxyMetadata:\n  ISTIO_META_CERT_SIGNER: foo\r  ISTIO_META_CERT_SIGNER: bar"), "SignerNotAllowed"},
		{"a locked variable, by annotation", "foo", config("proxyMetadata:\n  PILOT_CERT_PROVIDER: x\n"), "SignerNotAllowed"},
		{"a locked variable with its value, by annotation", "foo", config("proxyMetadata:\n  ISTIO_META_NETWORK: network-1\n"), ""},
		{"a variable whose name has a locked one's in it", "foo", config("proxyMetadata:\n  MY_PILOT_CERT_PROVIDER_2: x\n"), ""},
		{"another's, below many lines", "foo", config(strings.Repeat("\n", 9_900) + "proxyMetadata: {ISTIO_META_CERT_SIGNER: bar}"), "SignerNotAllowed"},
		{"many lines", "foo", config(strings.Repeat("# x\n", 499)), ""},
		{"a long annotation", "foo", config("# " + strings.Repeat("x", 250_000)), "SignerNotAllowed"},
		{"any annotation, of no tenant", "elsewhere", config("proxyMetadata: {ISTIO_META_CERT_SIGNER: bar}"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := stage.plane.Admin().CoreV1().Pods(c.namespace).Create(patient(t), pod(c.change), metav1.CreateOptions{DryRun: dryRunAll})
			expectFenced(t, err, c.reason)
		})
	}
}

func TestTheAPIServerKeepsWhatRequestsMayAskByItself(t *testing.T) {
	withPolicy(t, append([]string{"routedSigner: routed"}, fenced...)...)
	installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeFencedNamespaces(t)
	fence(t)
	const day = 24 * time.Hour
	annotated := func(name, value string) func(*certificatesv1.CertificateSigningRequest) {
		return func(object *certificatesv1.CertificateSigningRequest) {
			object.Annotations = map[string]string{"experimental.cert-manager.io/" + name: value}
		}
	}
	lasting := func(signer string, lifetime time.Duration) lab.Request {
		request := lab.Workload(signer, "foo", "httpbin")
		request.Lifetime = lifetime
		return request
	}
	with := func(usages ...certificatesv1.KeyUsage) lab.Request {
		request := lab.Workload(signerFoo, "foo", "httpbin")
		request.Usages = usages
		return request
	}
	unchanged := func(*certificatesv1.CertificateSigningRequest) {}
	istiod, forger := stage.istiodUser.Client(), stage.forger
	for _, c := range []struct {
		name    string
		request lab.Request
		change  func(*certificatesv1.CertificateSigningRequest)
		reason  string // empty: admitted
	}{
		{"its own", lab.Workload(signerFoo, "foo", "httpbin"), unchanged, ""},
		{"another tenant's, which only the PKCS#10 tells", thief(), unchanged, ""},
		{"a signer that nobody has", lab.Workload(domain+"/baz", "foo", "httpbin"), unchanged, "SignerNotAllowed"},
		{"the routed signer, which nobody carries", lab.Workload(domain+"/routed", "foo", "httpbin"), unchanged, ""},
		{"a signer that is not ours", lab.Workload("example.com/x", "foo", "httpbin"), annotated("request-is-ca", "true"), ""},
		{"as long as it may", lasting(signerFoo, day), unchanged, ""},
		{"without a lifetime", lasting(signerFoo, 0), unchanged, ""},
		{"longer than any tenant of the signer may", lasting(signerFoo, day+time.Second), unchanged, "DurationTooLong"},
		{"as long as a tenant of another signer may", lasting(signerMesh, 90*day), unchanged, ""},
		{"by annotation as long as it may", lasting(signerFoo, 0), annotated("request-duration", "23h60m"), ""},
		{"by annotation longer", lasting(signerFoo, 0), annotated("request-duration", "24h1s"), "DurationTooLong"},
		{"by annotation what is no duration", lasting(signerFoo, 0), annotated("request-duration", "1.5d"), "DurationTooLong"},
		{"by annotation nothing", lasting(signerFoo, 0), annotated("request-duration", ""), "DurationTooLong"},
		{"by annotation longer than can be said", lasting(signerFoo, 0), annotated("request-duration", "99999999999h"), "DurationTooLong"},
		{"a CA by annotation", lasting(signerFoo, 0), annotated("request-is-ca", "true"), "CaRequested"},
		{"no CA by annotation", lasting(signerFoo, 0), annotated("request-is-ca", "false"), ""},
		{"a usage that nobody may have", with("client auth", "code signing"), unchanged, "UsageNotAllowed"},
		{"fewer usages", with("client auth"), unchanged, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			object, _, err := c.request.Object()
			if err != nil {
				t.Fatal(err)
			}
			c.change(object)
			_, err = istiod.CertificatesV1().CertificateSigningRequests().Create(patient(t), object, metav1.CreateOptions{DryRun: dryRunAll})
			expectFenced(t, err, c.reason)
		})
	}
	t.Run("who asks", func(t *testing.T) {
		object, _, err := lab.Workload(signerFoo, "foo", "httpbin").Object()
		if err != nil {
			t.Fatal(err)
		}
		create := metav1.CreateOptions{DryRun: dryRunAll}
		_, err = as("mallory").CertificatesV1().CertificateSigningRequests().Create(patient(t), object, create)
		expectFenced(t, err, "RequesterNotAllowed")
		_, err = as("ivan", "issuers").CertificatesV1().CertificateSigningRequests().Create(patient(t), object, create)
		expectFenced(t, err, "")
		// Whether a service account asks for itself the PKCS#10 tells.
		_, err = forger.CertificatesV1().CertificateSigningRequests().Create(patient(t), object, create)
		expectFenced(t, err, "")
	})
	t.Run("metadata edited after creation", func(t *testing.T) {
		object := approve(t, create(t, lab.Workload(signerFoo, "foo", "httpbin")))
		requests := forger.CertificatesV1().CertificateSigningRequests()
		ways := map[string]func(*certificatesv1.CertificateSigningRequest) error{
			"of the object": func(o *certificatesv1.CertificateSigningRequest) error {
				_, err := requests.Update(patient(t), o, metav1.UpdateOptions{DryRun: dryRunAll})
				return err
			},
			"by /approval": func(o *certificatesv1.CertificateSigningRequest) error {
				_, err := requests.UpdateApproval(patient(t), o.Name, o, metav1.UpdateOptions{DryRun: dryRunAll})
				return err
			},
			"by /status": func(o *certificatesv1.CertificateSigningRequest) error {
				_, err := requests.UpdateStatus(patient(t), o, metav1.UpdateOptions{DryRun: dryRunAll})
				return err
			},
		}
		for way, write := range ways {
			for _, c := range []struct {
				name, value, reason string
			}{
				{"request-is-ca", "true", "CaRequested"},
				{"request-duration", "87600h", "DurationTooLong"},
				{"request-duration", "1h", ""},
				{"other", "x", ""},
			} {
				t.Run(way+", "+c.name+" "+c.value, func(t *testing.T) {
					edited := object.DeepCopy()
					annotated(c.name, c.value)(edited)
					expectFenced(t, write(edited), c.reason)
				})
			}
		}
	})
}

// What was there before the fence must not stand in its own way.
func TestRequestsOfBeforeTheFenceAreCleanedUp(t *testing.T) {
	object, _, err := lab.Workload(signerFoo, "foo", "httpbin").Object()
	if err != nil {
		t.Fatal(err)
	}
	object.Annotations = map[string]string{"experimental.cert-manager.io/request-is-ca": "true", "experimental.cert-manager.io/request-duration": "87600h"}
	object.Finalizers = []string{"example.com/x"}
	requests := stage.plane.Admin().CertificatesV1().CertificateSigningRequests()
	object, err = requests.Create(patient(t), object, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeFencedNamespaces(t)
	withPolicy(t, fenced...)
	fence(t)
	object.Finalizers = nil
	if _, err := requests.Update(patient(t), object, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
	if err := requests.Delete(patient(t), object.Name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

func TestTheFenceIsInNobodysWayBesideTheWebhook(t *testing.T) {
	proxies := installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeFencedNamespaces(t)
	withPolicy(t, fenced...)
	fence(t)
	serve(t, "all")
	register(t)
	ten := lab.Serving(signerMesh)
	ten.Lifetime = 10 * 365 * 24 * time.Hour
	for _, request := range []lab.Request{ten, lab.Workload(signerFoo, "foo", "httpbin"), lab.Workload(signerBar, "bar", "httpbin")} {
		if _, err := stage.istiod.Sign(patient(t), request); err != nil {
			t.Error(err)
		}
	}
	if _, err := proxies.Namespace("foo").Create(patient(t), proxyConfig(nil), metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
}

func TestEveryPolicyOfTheFenceTypeChecks(t *testing.T) {
	t.Cleanup(func() {
		if err := stage.plane.RemoveKind(context.Background(), lab.ProxyConfigs); err != nil {
			t.Error(err)
		}
	})
	if err := stage.plane.InstallKindOfIstio(patient(t), lab.ProxyConfigs); err != nil {
		t.Fatal(err)
	}
	withPolicy(t, fenced...)
	policies, _, err := stage.signet.AdmissionPolicies(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	// As kube-controller-manager does, which writes what it finds to status.typeChecking.
	discovery := stage.plane.Admin().Discovery()
	for _, policy := range policies {
		// The checker says nothing of a kind whose fields the API server has not published yet.
		broken := policy.DeepCopy()
		broken.Spec.Validations[0].Expression = "object.spec.noSuchField == 1"
		var checker validating.TypeChecker
		eventually(t, func() error {
			groups, err := restmapper.GetAPIGroupResources(discovery)
			if err != nil {
				return err
			}
			checker = validating.TypeChecker{SchemaResolver: &resolver.ClientDiscoveryResolver{Discovery: discovery},
				RestMapper: restmapper.NewDiscoveryRESTMapper(groups)}
			if len(checker.Check(broken)) == 0 {
				return fmt.Errorf("%s: the checker finds nothing wrong with what is wrong", policy.Name)
			}
			return nil
		})
		for _, warning := range checker.Check(policy) {
			t.Errorf("%s %s: %s", policy.Name, warning.FieldRef, warning.Warning)
		}
	}
	if len(policies) != 3 {
		t.Errorf("%d policies", len(policies))
	}
}

func TestAThousandTenantsFitIntoTheFence(t *testing.T) {
	client := installKind(t, lab.ProxyConfigs, "ProxyConfig")
	makeFencedNamespaces(t)
	makeNamespaces(t, "tenant-999-workloads")
	withPolicy(t, append([]string{manyTenants(1_000)}, fenced...)...)
	fence(t)
	for signer, reason := range map[string]string{"tenant-999": "", "tenant-998": "SignerNotAllowed"} {
		_, err := client.Namespace("tenant-999-workloads").Create(patient(t), proxyConfig(map[string]any{signerVariable: signer}),
			metav1.CreateOptions{DryRun: dryRunAll})
		expectFenced(t, err, reason)
		_, err = stage.plane.Admin().CoreV1().Pods("tenant-999-workloads").Create(patient(t), pod(func(p *corev1.Pod) {
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: signerVariable, Value: signer}}
		}), metav1.CreateOptions{DryRun: dryRunAll})
		expectFenced(t, err, reason)
	}
}

// makeFencedNamespaces makes a namespace for each way to be a tenant's or nobody's.
func makeFencedNamespaces(t *testing.T) {
	t.Helper()
	makeLabelled(t, "labelled-a", map[string]string{"tenant": "labelled"})
	makeLabelled(t, "labelled-b", map[string]string{"tenant": "other", "lent": ""})
	makeLabelled(t, "labelled-c", map[string]string{"tenant": "labelled", "lent": ""})
	makeNamespaces(t, "foo", "bar", "elsewhere", "istio-system", "team-web", "web-team", "relaxed", "labelled-a", "labelled-b", "labelled-c")
	_, err := stage.plane.Admin().CoreV1().ServiceAccounts("team-web").Create(patient(t),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "batch"}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// fence has the API server keep the stage's policy until the test ends.
func fence(t *testing.T) {
	t.Helper()
	policies, bindings, err := stage.signet.AdmissionPolicies(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	admission := stage.plane.Admin().AdmissionregistrationV1()
	t.Cleanup(func() {
		for _, binding := range bindings {
			if err := admission.ValidatingAdmissionPolicyBindings().Delete(context.Background(), binding.Name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
		for _, policy := range policies {
			if err := admission.ValidatingAdmissionPolicies().Delete(context.Background(), policy.Name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
		awaitFence(t, false)
	})
	for _, policy := range policies {
		if _, err := admission.ValidatingAdmissionPolicies().Create(patient(t), policy, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, binding := range bindings {
		if _, err := admission.ValidatingAdmissionPolicyBindings().Create(patient(t), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	awaitFence(t, true)
}

// awaitFence asks, without a trace, until the API server refuses by each of the policies, or by none.
func awaitFence(t *testing.T, stands bool) {
	t.Helper()
	unknown := lab.Workload(domain+"/baz", "foo", "httpbin")
	another := pod(func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: signerVariable, Value: "bar"}} })
	proxies := dynamic.ResourceInterface(stage.plane.Dynamic().Resource(lab.ProxyConfigs).Namespace("foo"))
	eventually(t, func() error {
		_, request := dryRun(t, unknown)
		_, pod := stage.plane.Admin().CoreV1().Pods("foo").Create(context.Background(), another, metav1.CreateOptions{DryRun: dryRunAll})
		_, config := proxies.Create(context.Background(), proxyConfig(map[string]any{signerVariable: "bar"}), metav1.CreateOptions{DryRun: dryRunAll})
		for _, err := range []error{request, pod, config} {
			if stands != (err != nil && strings.Contains(err.Error(), "denied request: signet: ")) {
				return errors.Join(errors.New("want a refusal by each policy, or by none"), request, pod, config)
			}
		}
		return nil
	})
}

// expectFenced wants the fence's refusal with that reason code, or none where it is empty.
func expectFenced(t *testing.T, err error, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil {
		t.Fatalf("admitted; want %s", reason)
	}
	_, message, found := strings.Cut(err.Error(), "denied request: ")
	if !found || !strings.HasPrefix(message, "signet: "+reason+": ") || !apierrors.IsForbidden(err) {
		t.Errorf("got %q; want signet: %s", err, reason)
	}
}
