package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"signet/test/cluster/lab"
)

const signetSystem = lab.SignetNamespace

// The ways to install Signet, as `kubectl apply -k` takes them.
var installations = []string{"manifests", "manifests/overlays/durable-audit", "manifests/overlays/split"}

func TestManifestsAreWhatTheAPIServerTakes(t *testing.T) {
	for _, folder := range installations {
		t.Run(folder, func(t *testing.T) {
			before := everything(t)
			installed := install(t, folder)
			workloads := 0
			for _, object := range installed.Objects {
				template, found := podTemplate(object)
				if !found {
					continue
				}
				workloads++
				pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
				pod.GenerateName = "pod-"
				// The namespace enforces the restricted Pod Security Standard.
				if _, err := stage.plane.Admin().CoreV1().Pods(signetSystem).Create(patient(t), pod,
					metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
					t.Error(err)
				}
			}
			if workloads == 0 {
				t.Error("nothing runs")
			}
			uninstall(t, installed)
			expectAsBefore(t, before)
		})
	}
}

func TestSignetRunsAsTheManifestsSay(t *testing.T) {
	before := everything(t)
	installed := install(t, "manifests")
	if err := installed.Prepare(patient(t)); err != nil {
		t.Fatal(err)
	}

	process := launch(t, installed, "signet")
	eventually(t, installed.Ready)
	if err := installed.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	expectGuarded(t)
	stop(t, process)

	unregister(t)
	uninstall(t, installed)
	expectAsBefore(t, before)
}

func TestSignetDoesNotStartWithoutAnyOfItsPermissions(t *testing.T) {
	before := everything(t)
	installed := install(t, "test/testdata/installations/every-permission")
	if err := installed.Prepare(patient(t)); err != nil {
		t.Fatal(err)
	}
	process := launch(t, installed, "signet")
	eventually(t, installed.Ready)
	stop(t, process)

	for _, object := range installed.Objects {
		var granted []rbacv1.PolicyRule
		namespace := ""
		switch role := object.(type) {
		case *rbacv1.ClusterRole:
			granted = role.Rules
		case *rbacv1.Role:
			granted, namespace = role.Rules, signetSystem
		default:
			continue
		}
		for _, p := range permissions(granted, namespace) {
			t.Run("without "+p.String(), func(t *testing.T) {
				setRules(t, object, p.takenFrom(granted))
				eventually(t, func() error { return allowed(account(t, installed, "signet"), p, false) })
				crippled := launch(t, installed, "signet")
				select {
				case <-crippled.Exited():
				case <-time.After(patience):
					t.Fatalf("runs all the same:\n%s", crippled.Output())
				}
				told := p.name // of a Secret that cannot be read, its name
				if p.resource != "secrets" {
					told = "may not " + p.verb + " " + p.resource
				}
				if crippled.ExitCode() == 0 || !strings.Contains(crippled.Output(), told) || !strings.Contains(crippled.Output(), p.name) {
					t.Errorf("exit code %d; want an error that tells %q and names %q:\n%s", crippled.ExitCode(), told, p.name, crippled.Output())
				}
				setRules(t, object, granted)
				eventually(t, func() error { return allowed(account(t, installed, "signet"), p, true) })
			})
		}
	}
	uninstall(t, installed)
	expectAsBefore(t, before)
}

// setRules gives a role of an installation other rules.
func setRules(t *testing.T, object runtime.Object, rules []rbacv1.PolicyRule) {
	t.Helper()
	admin := stage.plane.Admin().RbacV1()
	var err error
	switch role := object.(type) {
	case *rbacv1.ClusterRole:
		changed := role.DeepCopy()
		changed.Rules = rules
		_, err = admin.ClusterRoles().Update(patient(t), changed, metav1.UpdateOptions{})
	case *rbacv1.Role:
		changed := role.DeepCopy()
		changed.Rules = rules
		_, err = admin.Roles(signetSystem).Update(patient(t), changed, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheSplitKeepsKeysBehindNoPort(t *testing.T) {
	const folder = "manifests/overlays/split"
	installed := install(t, folder)
	if err := installed.Prepare(patient(t)); err != nil {
		t.Fatal(err)
	}
	if err := installed.PublishIssuers(patient(t), "foo", "bar", "istio-system"); err != nil {
		t.Fatal(err)
	}
	webhook := launch(t, installed, "signet-webhook")
	eventually(t, installed.Ready)
	signer := launch(t, installed, "signet")
	if err := installed.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	expectGuarded(t)
	t.Run("the webhook may do nothing that the signer may", func(t *testing.T) {
		account := account(t, installed, "signet-webhook")
		asked := 0
		for _, object := range installed.Objects {
			var granted []permission
			switch role := object.(type) {
			case *rbacv1.ClusterRole:
				granted = permissions(role.Rules, "")
			case *rbacv1.Role:
				granted = permissions(role.Rules, signetSystem)
			}
			for _, p := range granted {
				asked++
				if err := allowed(account, p, false); err != nil {
					t.Error(err)
				}
			}
		}
		if asked == 0 {
			t.Error("nothing is granted to anybody")
		}
	})
	t.Run("the signer listens nowhere", func(t *testing.T) {
		if strings.Contains(signer.Output(), `"message":"listening"`) {
			t.Error(signer.Output())
		}
	})
	unregister(t)
	stop(t, webhook)
	stop(t, signer)
	uninstall(t, installed)
}

// expectGuarded wants each tenant's own to be signed and what is another's to be refused.
func expectGuarded(t *testing.T) {
	t.Helper()
	awaitWebhooks(t, true)
	for _, request := range []lab.Request{
		lab.Workload(signerFoo, "foo", "httpbin"), lab.Workload(signerBar, "bar", "httpbin"), lab.Workload(signerMesh, "istio-system", "gateway"),
	} {
		if _, err := stage.istiod.Sign(patient(t), request); err != nil {
			t.Error(err)
		}
	}
	_, _, err := stage.istiod.Create(patient(t), thief())
	expectRefused(t, err, "SignerNotAllowed")
}

// permission is one verb on one resource or one named object of it: the least that can be taken away.
type permission struct {
	verb, group, resource, name string
	namespace                   string // empty: in the cluster
	rule                        int
}

func (p permission) String() string {
	return strings.TrimSpace(p.verb + " " + p.resource + " " + p.name)
}

func permissions(rules []rbacv1.PolicyRule, namespace string) []permission {
	var all []permission
	for i, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, name := range append(slices.Clone(rule.ResourceNames), "")[:max(1, len(rule.ResourceNames))] {
				all = append(all, permission{verb, rule.APIGroups[0], rule.Resources[0], name, namespace, i})
			}
		}
	}
	return all
}

// takenFrom is the rules without this permission.
func (p permission) takenFrom(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var left []rbacv1.PolicyRule
	for i, rule := range rules {
		rule = *rule.DeepCopy()
		if i == p.rule && len(rule.ResourceNames) > 1 {
			rule.ResourceNames = lab.Lacking(rule.ResourceNames, []string{p.name})
		} else if i == p.rule { // without its only name it would be for all
			rule.Verbs = lab.Lacking(rule.Verbs, []string{p.verb})
		}
		named := len(rules[i].ResourceNames) > 0
		if len(rule.Verbs) > 0 && (!named || len(rule.ResourceNames) > 0) { // no names at all would be every name
			left = append(left, rule)
		}
	}
	return left
}

// allowed is an error if the account may do it and should not, or the other way round.
func allowed(account *lab.Account, p permission, wanted bool) error {
	resource, subresource, _ := strings.Cut(p.resource, "/")
	review, err := account.Client().AuthorizationV1().SelfSubjectAccessReviews().Create(context.Background(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: p.namespace, Verb: p.verb, Group: p.group, Resource: resource, Subresource: subresource, Name: p.name}},
	}, metav1.CreateOptions{})
	if err == nil && review.Status.Allowed != wanted {
		err = fmt.Errorf("%s: %s may: %v, want %v", account.Username(), p, review.Status.Allowed, wanted)
	}
	return err
}
