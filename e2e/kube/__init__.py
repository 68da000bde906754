"""Tests against a real kube-apiserver and etcd (layer L2): CRDs, RBAC, status, outages, with real S3 traffic."""
