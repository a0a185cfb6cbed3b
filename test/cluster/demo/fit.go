package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"signet/test/cluster/lab"
)

const oldestMinor = 30 // match conditions

// usable tells, without asking anybody, whether the demo can work with the configuration.
func usable(config *rest.Config) error {
	server, err := url.Parse(config.Host)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(server.Hostname()); server.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("server %s is not on this machine's loopback, and Signet listens nowhere else: it could not be called", config.Host)
	}
	switch {
	case config.ExecProvider != nil || config.AuthProvider != nil:
		return errors.New("the user has a credential plugin, and signet ca init runs none: use a token or a client certificate")
	case config.Insecure:
		return errors.New("insecure-skip-tls-verify: signet ca init asks no server that it cannot verify")
	case config.Username != "" || config.Impersonate.UserName != "":
		return errors.New("the user has a password or impersonates another: use a token or a client certificate")
	}
	return nil
}

// fit tells whether the cluster is one for a demo, and its version. Nothing is written.
func fit(ctx context.Context, cluster *lab.Cluster) (string, error) {
	version, err := cluster.Admin().Discovery().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("the API server cannot be reached: %w", err)
	}
	if minor, err := strconv.Atoi(strings.TrimRight(version.Minor, "+")); err != nil || (version.Major == "1" && minor < oldestMinor) {
		return "", fmt.Errorf("Kubernetes %s: Signet needs 1.%d or later", version.GitVersion, oldestMinor)
	}
	if err := allowed(ctx, cluster); err != nil {
		return "", err
	}
	return version.GitVersion, vacant(ctx, cluster)
}

// needed is what the demo creates and deletes, as resource.group.
var needed = []string{
	"namespaces", "serviceaccounts", "serviceaccounts/token", "secrets", "configmaps", "services", "pods", "deployments.apps",
	"deployments/scale.apps", "networkpolicies.networking.k8s.io", "roles.rbac.authorization.k8s.io",
	"rolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
	"customresourcedefinitions.apiextensions.k8s.io", "validatingwebhookconfigurations.admissionregistration.k8s.io",
	"mutatingwebhookconfigurations.admissionregistration.k8s.io", "certificatesigningrequests.certificates.k8s.io",
	"proxyconfigs.networking.istio.io", "certificaterequests.cert-manager.io",
}

func allowed(ctx context.Context, cluster *lab.Cluster) error {
	attributes := []authorizationv1.ResourceAttributes{{Verb: "list", Group: "*", Resource: "*"}}
	for _, name := range needed {
		resource := schema.ParseGroupResource(name)
		kind, subresource, _ := strings.Cut(resource.Resource, "/")
		attributes = append(attributes, authorizationv1.ResourceAttributes{Verb: "*", Group: resource.Group, Resource: kind, Subresource: subresource})
	}
	reviews := cluster.Admin().AuthorizationV1().SelfSubjectAccessReviews()
	var missing []string
	for _, wanted := range attributes {
		review, err := reviews.Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &wanted}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if !review.Status.Allowed {
			missing = append(missing, fmt.Sprintf("%s %s", wanted.Verb, schema.GroupResource{Group: wanted.Group, Resource: wanted.Resource}))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the user may not, in the whole cluster: %s", strings.Join(missing, ", "))
	}
	return nil
}

// vacant tells whether nothing is there that the demo would make.
func vacant(ctx context.Context, cluster *lab.Cluster) error {
	core, rbac, admission := cluster.Admin().CoreV1(), cluster.Admin().RbacV1(), cluster.Admin().AdmissionregistrationV1()
	var found []string
	var failed error
	look := func(kind, name string, get func(context.Context, string) error) {
		if err := get(ctx, name); err == nil {
			found = append(found, kind+" "+name)
		} else if !apierrors.IsNotFound(err) {
			failed = errors.Join(failed, err)
		}
	}
	for _, name := range append([]string{lab.SignetNamespace}, namespaces...) {
		look("namespace", name, func(ctx context.Context, name string) error {
			_, err := core.Namespaces().Get(ctx, name, metav1.GetOptions{})
			return err
		})
	}
	for _, name := range []string{"signet", "istio-system:istiod", "bar:thief"} {
		look("ClusterRole", name, func(ctx context.Context, name string) error {
			_, err := rbac.ClusterRoles().Get(ctx, name, metav1.GetOptions{})
			return err
		})
		look("ClusterRoleBinding", name, func(ctx context.Context, name string) error {
			_, err := rbac.ClusterRoleBindings().Get(ctx, name, metav1.GetOptions{})
			return err
		})
	}
	look("ValidatingWebhookConfiguration", "signet", func(ctx context.Context, name string) error {
		_, err := admission.ValidatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
		return err
	})
	look("MutatingWebhookConfiguration", "signet", func(ctx context.Context, name string) error {
		_, err := admission.MutatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
		return err
	})
	if failed != nil {
		return failed
	}
	if len(found) > 0 {
		return fmt.Errorf("this is not a cluster for a demo: it already has %s", strings.Join(found, ", "))
	}
	return nil
}
