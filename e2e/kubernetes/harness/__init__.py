"""What the tests on a real Kubernetes share, beside `e2e/harness`: the Kubernetes, the chart's release, clusters, clients in pods."""
