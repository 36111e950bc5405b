"""Builds the project's container images with Python, apt and uv alone: no Docker, no registry.

An image is three layers: Debian's own Python (`debian`), the locked wheels (`wheels`) and the
sources. Each layer is a tar file in the cache under the hash of all that it is made of, so a change
of a source file rebuilds one small layer. `archive` puts layers together in the docker-archive
format, which `ctr images import`, `kind load image-archive` and `docker load` all read.
"""
