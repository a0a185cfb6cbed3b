package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The door before all others: who makes a namespace a tenant's.

// guarded are fields of a policy whose namespaces are guarded: tenants by name, by pattern and by label.
var guarded = []string{
	`namespaceAdmins: [platform, 'oidc:"the\admins''own"']`,
	"- {name: patterned, namespaces: [team-*, '*-team'], signers: [foo]}",
	"- {name: labelled, signers: [foo], namespaceSelector: {matchLabels: {tenant: labelled}, matchExpressions: [{key: lent, operator: DoesNotExist}]}}",
}

func TestOnlyAdminsMakeANamespaceATenants(t *testing.T) {
	withPolicy(t, guarded...)
	process := serve(t, "webhook")
	bob := as("bob", "developers")
	unasked := map[string]*kubernetes.Clientset{"an admin": as("alice", "platform"), "an admin of quotes": as("carol", `oidc:"the\admins'own"`),
		"the API server": as("system:apiserver")}
	makeLabelled(t, "nobodys", nil)
	makeLabelled(t, "labelled", map[string]string{"tenant": "labelled"})
	makeLabelled(t, "patterned-team", nil)
	register(t)

	cases := []struct {
		name    string
		attempt func(t *testing.T, by *kubernetes.Clientset) error
		refused bool // to everybody but the admins
	}{
		{"a tenant's name", creates("team", map[string]string{"a": "b"}), false},
		{"a name that begins as a tenant's", creates("team-new", nil), true},
		{"a name that ends as a tenant's", creates("my-team", nil), true},
		{"a name to be generated that begins as a tenant's", creates("team-", nil), true},
		{"another name", creates("elsewhere-2", nil), false},
		{"another label", creates("elsewhere-2", map[string]string{"team": "labelled"}), false},
		{"a tenant's label", creates("elsewhere-2", map[string]string{"tenant": "labelled"}), true},
		{"a deciding label that is nobody's yet", creates("elsewhere-2", map[string]string{"tenant": "later"}), true},
		{"a label that keeps a tenant away", creates("elsewhere-2", map[string]string{"lent": ""}), true},
		{"to add the label", relabels("nobodys", "", "tenant", "labelled"), true},
		{"to add it by way of the status", relabels("nobodys", "status", "tenant", "labelled"), true},
		{"to add it by way of finalizing", finalizes("nobodys", "tenant", "labelled"), true},
		{"to change the label", relabels("labelled", "", "tenant", "other"), true},
		{"to take the label away", relabels("labelled", "", "tenant", nil), true},
		{"to take it away by way of the status", relabels("labelled", "status", "tenant", nil), true},
		{"to add a label that keeps a tenant away", relabels("labelled", "", "lent", ""), true},
		{"to add another label", relabels("labelled", "", "a", "b"), false},
		{"to add another label by way of the status", relabels("labelled", "status", "a", "b"), false},
		{"to finalize with the labels as they are", finalizes("labelled", "tenant", "labelled"), false},
		{"to add another label where the name is a tenant's", relabels("patterned-team", "", "a", "b"), false},
		{"to delete", deletes("labelled"), false},
		{"to delete one with a tenant's name", deletes("patterned-team"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.attempt(t, bob); c.refused {
				expectRefused(t, err, "NamespaceNotAllowed")
			} else if err != nil {
				t.Error(err)
			}
			for who, by := range unasked {
				if err := c.attempt(t, by); err != nil {
					t.Errorf("%s: %v", who, err)
				}
			}
		})
	}
	t.Run("Signet down", func(t *testing.T) {
		process.Kill()
		for _, c := range cases {
			err := c.attempt(t, bob)
			if c.refused && (err == nil || !strings.Contains(err.Error(), `failed calling webhook "namespaces.validate.signet"`)) {
				t.Errorf("%s: %v; want it refused, because nobody could judge it", c.name, err)
			}
			if !c.refused && err != nil {
				t.Errorf("%s waits for Signet: %v", c.name, err)
			}
			for who, by := range unasked {
				if err := c.attempt(t, by); err != nil {
					t.Errorf("%s, %s waits for Signet: %v", c.name, who, err)
				}
			}
		}
	})
}

func TestWhereALabelIsMissingEveryNewNamespaceIsGuarded(t *testing.T) {
	withPolicy(t, "namespaceAdmins: [platform]",
		"- {name: rest, signers: [foo], namespaceSelector: {matchExpressions: [{key: tenant, operator: DoesNotExist}]}}")
	serve(t, "webhook")
	register(t)
	bob := as("bob", "developers")
	expectRefused(t, creates("elsewhere-2", nil)(t, bob), "NamespaceNotAllowed")
	for who, by := range map[string]*kubernetes.Clientset{"an admin": as("alice", "platform"), "the API server": as("system:apiserver")} {
		if err := creates("elsewhere-2", nil)(t, by); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
}

func TestTenThousandTenantsFitIntoTheNamespacesGuard(t *testing.T) {
	withPolicy(t, "namespaceAdmins: [platform]", manyTenants(10_000))
	t.Cleanup(func() {
		if err := stage.signet.Unregister(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := stage.signet.Register(patient(t)); err != nil {
		t.Fatal(err)
	}
	// Nobody serves: who reaches Signet is told so. There are too many names for a condition, so all new ones are asked about.
	bob := as("bob", "developers")
	eventually(t, func() error {
		err := creates("elsewhere-2", nil)(t, bob)
		if err == nil || !strings.Contains(err.Error(), `failed calling webhook "namespaces.validate.signet"`) {
			return fmt.Errorf("%v; want it to reach Signet", err)
		}
		return nil
	})
	if err := creates("elsewhere-2", nil)(t, as("system:apiserver")); err != nil {
		t.Errorf("the API server waits for Signet: %v", err)
	}
}

// manyTenants is a field of a policy.
func manyTenants(many int) string {
	tenants := make([]string, many)
	for i := range tenants {
		tenants[i] = fmt.Sprintf("- {name: tenant-%[1]d, namespaces: [tenant-%[1]d-workloads], signers: [tenant-%[1]d]}", i)
	}
	return strings.Join(tenants, "\n  ")
}

// as may do everything that RBAC grants, under that name and in these groups.
func as(user string, groups ...string) *kubernetes.Clientset {
	config := stage.plane.AdminConfig()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:masters")}
	return kubernetes.NewForConfigOrDie(config)
}

// makeLabelled makes a namespace until the test ends.
func makeLabelled(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		if err := stage.plane.DeleteNamespace(context.Background(), dir, name); err != nil {
			t.Error(err)
		}
	})
	if _, err := stage.plane.Admin().CoreV1().Namespaces().Create(patient(t),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// What somebody tries to do with a namespace, without a trace.
type namespaceAttempt = func(t *testing.T, by *kubernetes.Clientset) error

var dryRunAll = []string{metav1.DryRunAll}

// creates: a name that ends with "-" is to be completed by the API server.
func creates(name string, labels map[string]string) namespaceAttempt {
	return func(t *testing.T, by *kubernetes.Clientset) error {
		meta := metav1.ObjectMeta{Name: name, Labels: labels}
		if strings.HasSuffix(name, "-") {
			meta.Name, meta.GenerateName = "", name
		}
		_, err := by.CoreV1().Namespaces().Create(patient(t), &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{DryRun: dryRunAll})
		return err
	}
}

// relabels patches by a subresource; value nil takes the label away.
func relabels(name, subresource, label string, value any) namespaceAttempt {
	return func(t *testing.T, by *kubernetes.Clientset) error {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{label: value}}})
		if err != nil {
			t.Fatal(err)
		}
		var subresources []string
		if subresource != "" {
			subresources = []string{subresource}
		}
		_, err = by.CoreV1().Namespaces().Patch(patient(t), name, types.MergePatchType, patch, metav1.PatchOptions{DryRun: dryRunAll}, subresources...)
		return err
	}
}

func finalizes(name, label, value string) namespaceAttempt {
	return func(t *testing.T, by *kubernetes.Clientset) error {
		namespace, err := by.CoreV1().Namespaces().Get(patient(t), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		namespace.Labels = maps.Clone(namespace.Labels)
		namespace.Labels[label] = value
		_, err = by.CoreV1().Namespaces().Finalize(patient(t), namespace, metav1.UpdateOptions{DryRun: dryRunAll})
		return err
	}
}

func deletes(name string) namespaceAttempt {
	return func(t *testing.T, by *kubernetes.Clientset) error {
		return by.CoreV1().Namespaces().Delete(patient(t), name, metav1.DeleteOptions{DryRun: dryRunAll})
	}
}
