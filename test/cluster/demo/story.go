package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"signet/test/cluster/lab"
)

// story is a real mesh, and who guards it.
type story struct {
	plane  *lab.ControlPlane
	task   *lab.CustomCATask
	signet *lab.Signet // as it guards now; nil: nobody does
	role   string      // signet's
	guard  *lab.Process

	curl, httpbin, other, thief *lab.MeshPod
	pods                        []*lab.MeshPod // all that were started
}

// tell plays the story in a control plane of its own, with its state in dir, and writes it down.
func tell(ctx context.Context, dir, transcript string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	written, err := os.Create(transcript)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, written.Close()) }()
	s := &story{}
	defer func() {
		say("stopping the mesh")
		err = errors.Join(err, s.end())
	}()
	if err := s.begin(ctx, dir); err != nil {
		return err
	}
	for _, chapter := range chapters {
		say("%s", chapter.title)
		if err := chapter.prepare(ctx, s); err != nil {
			return err
		}
		fmt.Fprintf(written, "\n**%s**\n\n", chapter.title)
		if _, err := perform(ctx, s, chapter.acts, written); err != nil {
			return err
		}
		if chapter.remark != "" {
			fmt.Printf("%s\n\n", chapter.remark)
		}
	}
	fmt.Printf("  the story as Markdown   %s\n\n", transcript)
	return nil
}

// begin sets up what the task sets up, with cert-manager as its signer.
func (s *story) begin(ctx context.Context, dir string) (err error) {
	say("starting etcd and kube-apiserver")
	if s.plane, err = lab.StartControlPlane(dir); err != nil {
		return err
	}
	say("cert-manager makes three CAs; istioctl renders Istio from what signet render istio-operator prints; both applied")
	if s.task, err = s.plane.SetUpCustomCATask(ctx, dir); err != nil {
		return err
	}
	if err := s.task.CertManager.Start(true); err != nil {
		return err
	}
	say("starting istiod; a ProxyConfig for foo and for bar names each its signer")
	if err := s.task.Istio.Start(ctx); err != nil {
		return err
	}
	return s.task.ApplyProxyConfigs(ctx)
}

// guardWith replaces who guards: that Signet, in that role, registered.
func (s *story) guardWith(ctx context.Context, signet *lab.Signet, role string) error {
	if err := s.unguard(ctx); err != nil {
		return err
	}
	s.signet, s.role = signet, role
	if err := s.serve(); err != nil {
		return err
	}
	if err := signet.Register(ctx); err != nil {
		return err
	}
	return s.awaitAsked(ctx, true)
}

func (s *story) unguard(ctx context.Context) error {
	if s.signet == nil {
		return nil
	}
	err := s.unregister(ctx)
	s.signet = nil
	return errors.Join(err, s.guard.Stop(10*time.Second))
}

func (s *story) unregister(ctx context.Context) error {
	return errors.Join(s.signet.Unregister(ctx), s.awaitAsked(ctx, false))
}

func (s *story) serve() (err error) {
	s.guard, err = s.signet.Serve(s.role)
	return err
}

func (s *story) awaitAsked(ctx context.Context, wanted bool) error {
	return lab.Until(ctx, func() error {
		asked, err := s.plane.IsAsked(ctx)
		if err == nil && asked != wanted {
			err = fmt.Errorf("the API server asks Signet: %v", asked)
		}
		return err
	})
}

// populate starts the task's pods, with certificates of their own from whoever signs now.
func (s *story) populate(ctx context.Context) (err error) {
	for _, pod := range []struct {
		namespace, account string
		is                 **lab.MeshPod
	}{{"foo", "curl", &s.curl}, {"foo", "httpbin", &s.httpbin}, {"bar", "httpbin", &s.other}} {
		if *pod.is, err = s.task.Istio.CreatePod(ctx, s.plane.Admin(), lab.PodOf(pod.namespace, pod.account)); err != nil {
			return err
		}
		if err := s.launch(*pod.is); err != nil {
			return err
		}
	}
	for _, pod := range []*lab.MeshPod{s.curl, s.httpbin, s.other} {
		if _, err := pod.Await(time.Minute); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) launch(pod *lab.MeshPod) error {
	s.pods = append(s.pods, pod)
	return pod.Launch()
}

// end stops whatever was started, however far it came.
func (s *story) end() error {
	var failed []error
	for _, pod := range s.pods {
		failed = append(failed, pod.Stop())
	}
	if s.task != nil {
		failed = append(failed, s.task.Istio.Stop(), s.task.CertManager.Stop())
	}
	return errors.Join(append(failed, s.guard.Stop(10*time.Second), s.plane.Stop())...)
}
