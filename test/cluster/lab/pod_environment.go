package lab

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// podEnvironment is what a kubelet would give the container: "NAME=value" each, with fields of the pod and $(NAME) of earlier
// variables filled in. Where a name repeats, the last one counts. Resource limits are not set: Go programs read their absence well.
func podEnvironment(pod *corev1.Pod, container *corev1.Container) ([]string, error) {
	values := map[string]string{}
	var names []string
	for _, variable := range container.Env {
		value := expand(variable.Value, values)
		switch from := variable.ValueFrom; {
		case from == nil:
		case from.ResourceFieldRef != nil:
			continue
		case from.FieldRef != nil:
			field, err := podField(pod, from.FieldRef.FieldPath)
			if err != nil {
				return nil, fmt.Errorf("container %s: %s: %w", container.Name, variable.Name, err)
			}
			value = field
		default:
			return nil, fmt.Errorf("container %s: %s: takes its value from where nobody provides one", container.Name, variable.Name)
		}
		if _, repeated := values[variable.Name]; !repeated {
			names = append(names, variable.Name)
		}
		values[variable.Name] = value
	}
	environment := make([]string, 0, len(names))
	for _, name := range names {
		environment = append(environment, name+"="+values[name])
	}
	return environment, nil
}

var reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

// expand leaves a reference to a variable that is not there as it is (Kubernetes, "Define Dependent Environment Variables").
func expand(text string, values map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		if value, known := values[match[2:len(match)-1]]; known {
			return value
		}
		return match
	})
}

func podField(pod *corev1.Pod, path string) (string, error) {
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "status.podIP", "status.hostIP":
		return "127.0.0.1", nil
	}
	return "", fmt.Errorf("no pod of the lab has %s", path)
}

// podArguments are the container's, with $(NAME) filled in.
func podArguments(container *corev1.Container, environment []string) []string {
	values := map[string]string{}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	var arguments []string
	for _, argument := range container.Args {
		arguments = append(arguments, expand(argument, values))
	}
	return arguments
}
