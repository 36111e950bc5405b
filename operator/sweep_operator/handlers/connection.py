"""How to reach the API server: in a pod by its service account, elsewhere by a named kubeconfig."""

import kopf
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config


async def configuration(kubeconfig: str | None) -> Configuration:
    """Load the connection's configuration.

    Args:
        kubeconfig: a file; None for the pod's own service account. Never the user's current
            context by default: an operator that runs where it wasn't meant to does harm.
    """
    found = Configuration()
    if kubeconfig is None:
        load_incluster_config(found)
    else:
        await load_kube_config(kubeconfig, client_configuration=found)
    return found


async def kopf_connection(found: Configuration) -> kopf.ConnectionInfo:
    """The same connection for kopf's own watch."""
    scheme, _, token = (await found.get_api_key_with_prefix("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        ca_data=found.ca_cert_data,
        insecure=not found.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
    )
