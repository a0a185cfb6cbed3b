package lab

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MakeInjectedNamespace makes a namespace whose pods get a proxy, and service accounts in it. What is there stays.
func (c *Cluster) MakeInjectedNamespace(ctx context.Context, name string, accounts ...string) error {
	core := c.Admin().CoreV1()
	_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"istio-injection": "enabled"}}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for _, account := range accounts {
		_, err := core.ServiceAccounts(name).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// HasControllers tells whether a controller manager runs, by the service account that it gives every namespace.
func (c *Cluster) HasControllers(ctx context.Context) (bool, error) {
	_, err := c.Admin().CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// DeleteNamespace returns when the namespace is gone, and its accounts, Secrets, ConfigMaps, Pods and Leases with it. Where no
// controller manager runs it does what the namespace controller would.
func (c *Cluster) DeleteNamespace(ctx context.Context, dir, name string) error {
	controlled, err := c.HasControllers(ctx)
	if err != nil {
		return err
	}
	namespaces := c.Admin().CoreV1().Namespaces()
	if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); apierrors.IsNotFound(err) {
		return nil
	} else if err != nil && !apierrors.IsConflict(err) { // conflict: it is being deleted already
		return err
	}
	if !controlled {
		if _, err := c.Kubectl(ctx, dir, "delete", "serviceaccounts,secrets,configmaps,pods,leases", "--all", "--namespace", name); err != nil {
			return err
		}
	}
	return Until(ctx, func() error {
		namespace, err := namespaces.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil && !controlled {
			namespace.Spec.Finalizers = nil
			_, err = namespaces.Finalize(ctx, namespace, metav1.UpdateOptions{})
		}
		return fmt.Errorf("namespace %s is still there: %v", name, err)
	})
}
