package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"
)

// Envoy is a proxy beside a workload, with the files of its agent: nobody without a certificate that these trust is served.
type Envoy struct {
	process *Process
	port    int
	dir     string
}

type object = map[string]any

// Serve starts the workload's inbound side: whoever has a certificate of the same root is answered 200 with the workload's name.
func (w *MeshPod) Serve() (*Envoy, error) {
	validate := w.tls()
	validate["require_client_certificate"] = true
	return w.startEnvoy("envoy-inbound", func(port int) object {
		return object{"listeners": []any{listener(port, object{
			"name": "tls", "typed_config": withType("transport_sockets.tls.v3.DownstreamTlsContext", validate),
		}, []any{object{
			"match":           object{"prefix": "/"},
			"direct_response": object{"status": 200, "body": object{"inline_string": w.Pod.Namespace + "/" + w.Pod.Spec.ServiceAccountName}},
		}})}}
	})
}

// Reach starts the workload's outbound side: plain HTTP in, mutual TLS to that server out.
func (w *MeshPod) Reach(server *Envoy) (*Envoy, error) {
	return w.startEnvoy("envoy-outbound", func(port int) object {
		return object{
			"listeners": []any{listener(port, nil, []any{object{"match": object{"prefix": "/"}, "route": object{"cluster": "peer"}}})},
			"clusters": []any{object{
				"name": "peer", "type": "STATIC", "connect_timeout": "5s",
				"load_assignment": object{"cluster_name": "peer", "endpoints": []any{object{"lb_endpoints": []any{
					object{"endpoint": object{"address": loopback(server.port)}}}}}},
				"transport_socket": object{"name": "tls", "typed_config": withType("transport_sockets.tls.v3.UpstreamTlsContext", w.tls())},
			}},
		}
	})
}

// Answer is what a caller is told.
type Answer struct {
	Status int
	Body   string
	// Why Envoy could not reach the peer, by its access log; empty when it could.
	TransportFailure string
}

// Call goes through an Envoy of the caller's to one of the server's, both for this call alone.
func (w *MeshPod) Call(ctx context.Context, server *MeshPod) (answer Answer, err error) {
	inbound, err := server.Serve()
	if err != nil {
		return Answer{}, err
	}
	defer func() { err = errors.Join(err, inbound.Stop()) }()
	outbound, err := w.Reach(inbound)
	if err != nil {
		return Answer{}, err
	}
	defer func() { err = errors.Join(err, outbound.Stop()) }()
	return outbound.Get(ctx)
}

// Get calls through the proxy.
func (e *Envoy) Get(ctx context.Context) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", e.port), nil)
	if err != nil {
		return Answer{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Body: string(body), TransportFailure: response.Header.Get(transportFailure)}, err
}

// Stop ends the proxy.
func (e *Envoy) Stop() error { return e.process.Stop(10 * time.Second) }

func (w *MeshPod) startEnvoy(name string, resources func(port int) object) (*Envoy, error) {
	binary, err := builtProgram("envoy")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(object{"static_resources": resources(port)})
	if err != nil {
		return nil, err
	}
	name = fmt.Sprintf("%s-%d", name, port)
	file := filepath.Join(w.dir, name+".json")
	if err := writeFile(file, config); err != nil {
		return nil, err
	}
	e := &Envoy{port: port, dir: w.dir}
	if e.process, err = StartProcess(name, w.dir, binary, "--config-path", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"); err != nil {
		return nil, err
	}
	return e, e.process.waitUntil(30*time.Second, func() error { return listening(port) })
}

// tls is both sides' CommonTlsContext: the agent's files.
func (w *MeshPod) tls() object {
	in := func(name string) object { return object{"filename": filepath.Join(w.certificates(), name)} }
	return object{"common_tls_context": object{
		"tls_certificates":   []any{object{"certificate_chain": in("cert-chain.pem"), "private_key": in("key.pem")}},
		"validation_context": object{"trusted_ca": in("root-cert.pem")},
	}}
}

const transportFailure = "x-upstream-transport-failure"

func listener(port int, socket object, routes []any) object {
	chain := object{"filters": []any{object{
		"name": "http", "typed_config": withType("filters.network.http_connection_manager.v3.HttpConnectionManager", object{
			"stat_prefix":  "http",
			"http_filters": []any{object{"name": "router", "typed_config": withType("filters.http.router.v3.Router", object{})}},
			"route_config": object{
				"virtual_hosts":           []any{object{"name": "all", "domains": []any{"*"}, "routes": routes}},
				"response_headers_to_add": []any{object{"header": object{"key": transportFailure, "value": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}}},
			},
		}),
	}}}
	if socket != nil {
		chain["transport_socket"] = socket
	}
	return object{"name": "inbound", "address": loopback(port), "filter_chains": []any{chain}}
}

func loopback(port int) object {
	return object{"socket_address": object{"address": "127.0.0.1", "port_value": port}}
}

func withType(name string, fields object) object {
	fields["@type"] = "type.googleapis.com/envoy.extensions." + name
	return fields
}
