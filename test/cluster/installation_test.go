package cluster

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"signet/test/cluster/lab"
)

// install applies the folder; the test takes it away again, and a failed one's remains are taken away after it.
func install(t *testing.T, folder string) *lab.Installation {
	t.Helper()
	installed, err := stage.plane.NewInstallation(patient(t), folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			unregister(t)
			uninstall(t, installed)
		}
	})
	if err := installed.MakeNamespace(patient(t)); err != nil {
		t.Fatal(err)
	}
	if err := installed.Apply(patient(t)); err != nil {
		t.Fatal(err)
	}
	return installed
}

func uninstall(t *testing.T, installed *lab.Installation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := installed.Uninstall(ctx); err != nil {
		t.Error(err)
	}
}

func account(t *testing.T, installed *lab.Installation, name string) *lab.Account {
	t.Helper()
	account, err := installed.Account(patient(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func launch(t *testing.T, installed *lab.Installation, deployment string) *lab.Process {
	t.Helper()
	process, err := installed.Launch(patient(t), deployment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process
}

func podTemplate(object runtime.Object) (corev1.PodTemplateSpec, bool) {
	switch workload := object.(type) {
	case *appsv1.Deployment:
		return workload.Spec.Template, true
	case *appsv1.StatefulSet:
		template := workload.Spec.Template
		for _, claim := range workload.Spec.VolumeClaimTemplates { // as the StatefulSet controller does
			template.Spec.Volumes = append(template.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
		}
		return template, true
	}
	return corev1.PodTemplateSpec{}, false
}

func everything(t *testing.T) []string {
	t.Helper()
	names, err := stage.plane.Everything(patient(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// expectAsBefore wants the API server to have the same objects as then.
func expectAsBefore(t *testing.T, before []string) {
	t.Helper()
	if after := everything(t); !slices.Equal(before, after) {
		t.Errorf("the cluster is not as it was: gone %v, left %v", lab.Lacking(before, after), lab.Lacking(after, before))
	}
}

func inProject(t *testing.T, path string) string {
	t.Helper()
	project, err := lab.Project()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(project, path)
}
