"""A certificate that a server on loopback shows, made by openssl."""

import shutil
import subprocess
from pathlib import Path


def loopback_certificate(folder: Path) -> tuple[Path, Path] | None:
    """The certificate and its key in the folder; None where openssl is not on this machine."""
    openssl = shutil.which("openssl")
    if not openssl:
        return None
    found, key = folder / "cert.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    command = [openssl, "req", *kind, "-keyout", str(key), "-out", str(found), *subject]
    subprocess.run(command, check=True, capture_output=True)
    return found, key
