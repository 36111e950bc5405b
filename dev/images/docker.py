"""On a machine that isn't a Debian, Docker builds the images, and kind loads them from there."""

import shutil
import subprocess

from images.catalog import REPOSITORY, Image
from images.errors import BuildError


def build_by_docker(target: str, image: Image) -> None:
    """Build a stage of dev/Containerfile; Docker itself knows what is current."""
    command = ["docker", "build", "--file", "dev/Containerfile", "--target", target]
    if not shutil.which("docker"):
        raise BuildError(
            "images are made from Debian packages or by Docker, and this machine has neither: "
            "install Docker, or use a Debian machine"
        )
    done = subprocess.run([*command, "--tag", image.name, "."], cwd=REPOSITORY, check=False)
    if done.returncode:
        raise BuildError(f"`{' '.join(command)}` exited {done.returncode}; what it said is above")
