"""Hyperparameter sweeps as Kubernetes resources, run as Jobs by a kopf operator."""
