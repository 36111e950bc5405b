"""A real Kubernetes cluster on one Linux machine, without a container engine.

Each machine of a cluster (a control plane and two nodes) is a set of Linux namespaces with a
process 1 of its own, as a kind node is a container. That one decision buys the rest: every
component keeps its default port and folder, two clusters cannot touch each other, and killing
process 1 takes everything that the machine started, mounted and routed with it.
"""
