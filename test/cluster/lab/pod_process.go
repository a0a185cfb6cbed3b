package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Launch runs what a pod of that Deployment would, with its account, arguments, volumes and, where it has one of its own, seccomp
// profile, and more arguments; its ports are on loopback.
func (i *Installation) Launch(ctx context.Context, deployment string, more ...string) (*Process, error) {
	var spec *corev1.PodSpec
	for _, object := range i.Objects {
		if found, is := object.(*appsv1.Deployment); is && found.Name == deployment {
			spec = &found.Spec.Template.Spec
		}
	}
	if spec == nil {
		return nil, fmt.Errorf("%s has no Deployment %s", i.folder, deployment)
	}
	mounts := map[string]string{} // path in the pod to folder
	for _, mount := range spec.Containers[0].VolumeMounts {
		mounts[mount.MountPath+"/"] = i.in(deployment, mount.Name) + "/"
		mounts[mount.MountPath] = i.in(deployment, mount.Name)
	}
	for _, volume := range spec.Volumes {
		if err := i.mount(ctx, volume, i.in(deployment, volume.Name)); err != nil {
			return nil, err
		}
	}
	account, err := i.Account(ctx, spec.ServiceAccountName)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := account.WriteKubeconfig(i.in(deployment))
	if err != nil {
		return nil, err
	}
	args := []string{}
	for _, arg := range spec.Containers[0].Args {
		option, value, _ := strings.Cut(arg, "=")
		for path, folder := range mounts {
			if rest, inside := strings.CutPrefix(value, path); inside && (rest == "" || strings.HasSuffix(path, "/")) {
				arg = option + "=" + folder + rest
			}
		}
		args = append(args, strings.Replace(arg, "0.0.0.0:9090", "127.0.0.1:0", 1))
	}
	args = append(args, "--kubeconfig", kubeconfig)
	if len(spec.Containers[0].Ports) > 0 {
		args = append(args, "--listen", fmt.Sprintf("127.0.0.1:%d", i.port))
	}
	profile := ""
	if confinement := spec.SecurityContext.SeccompProfile; confinement.Type == corev1.SeccompProfileTypeLocalhost {
		folder, err := SeccompFolder()
		if err != nil {
			return nil, err
		}
		profile = filepath.Join(folder, *confinement.LocalhostProfile)
	}
	command, err := Confined(profile, i.binary, append(args, more...)...)
	if err != nil {
		return nil, err
	}
	return startCommand(deployment, i.Logs, command)
}

// AwaitReady waits for /readyz and gives up when the process ends.
func (i *Installation) AwaitReady(process *Process) error {
	return process.waitUntil(readyDeadline, i.Ready)
}

// mount puts into dir what a kubelet would.
func (i *Installation) mount(ctx context.Context, volume corev1.Volume, dir string) error {
	core := i.cluster.Admin().CoreV1()
	files := map[string][]byte{}
	switch {
	case volume.ConfigMap != nil:
		config, err := core.ConfigMaps(SignetNamespace).Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for key, text := range config.Data {
			files[key] = []byte(text)
		}
		if items := volume.ConfigMap.Items; items != nil {
			chosen := map[string][]byte{}
			for _, item := range items {
				chosen[item.Path] = files[item.Key]
			}
			files = chosen
		}
	case volume.Secret != nil:
		secret, err := core.Secrets(SignetNamespace).Get(ctx, volume.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		files = secret.Data
	default:
		return fmt.Errorf("volume %s is of a kind that nobody provides", volume.Name)
	}
	for path, data := range files {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o700), os.WriteFile(filepath.Join(dir, path), data, 0o600)); err != nil {
			return err
		}
	}
	return nil
}
