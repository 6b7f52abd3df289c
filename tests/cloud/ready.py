"""Install what `make cloud-test` needs of the system, where that is possible, and say what is lacking."""

import os
import shutil
import subprocess
import sys

from tests.support.terraform import plugins

# What is looked for, and the package of Debian that has it.
_COMMANDS = {
    "podman": "podman",
    "runc": "runc",
    "catatonit": "catatonit",
    "debootstrap": "debootstrap",
    "netavark": "netavark",
}
_ELSEWHERE = ("/usr/libexec/podman", "/usr/lib/podman", "/usr/sbin", "/sbin")


def main() -> None:
    """Print what was installed, and what will not be tried for want of something."""
    if packages := [package for command, package in _COMMANDS.items() if not _there(command)]:
        _install(packages)
    lacking = [command for command in _COMMANDS if not _there(command)]
    lacking += [] if shutil.which("terraform") else ["terraform"]
    lacking += [] if plugins() else ["a folder of Terraform's plugins, unless they can be fetched"]
    if os.geteuid() != 0:
        lacking.append("root, to run containers with cgroups")
    for each in lacking:
        sys.stdout.write(f"NOT HERE: {each}. What needs it is skipped, and says so.\n")


def _there(command: str) -> bool:
    return bool(shutil.which(command, path=os.pathsep.join([os.environ.get("PATH", ""), *_ELSEWHERE])))


def _install(packages: list[str]) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.stdout.write(f"cannot install {' '.join(packages)}: that needs root, and Debian's apt-get\n")
        return
    sys.stdout.write(f"installing {' '.join(packages)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.stdout.write(f"apt-get {command[0]} failed: {done.stderr.strip()[-500:]}\n")
            return


if __name__ == "__main__":
    main()
