"""Where the S3 of this machine's AWS settings is, and with which keys; read without botocore where possible.

To load botocore takes several times what most commands need. So what most settings consist of is read here,
exactly as botocore reads it: a region, an endpoint, keys that are written down. All else is left to botocore:
keys that have to be fetched, and rare settings with them.
"""

import configparser
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harvester.aws.signature import Keys

# What botocore reads and this does not; each of them changes what is asked of S3, or whom.
UNUSUAL = {
    *("AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("AWS_DEFAULTS_MODE", "AWS_SIGV4A_SIGNING_REGION_SET", "AWS_AUTH_SCHEME_PREFERENCE"),
    *("AWS_DISABLE_HOST_PREFIX_INJECTION", "AWS_DATA_PATH", "AWS_CSM_ENABLED"),
}
_UNUSUAL_PREFIX = "AWS_S3_"
_UNUSUAL_KEYS = {
    *("s3", "services", "use_dualstack_endpoint", "use_fips_endpoint", "ignore_configured_endpoint_urls"),
    *(
        "defaults_mode",
        "sigv4a_signing_region_set",
        "auth_scheme_preference",
        "disable_host_prefix_injection",
    ),
    *("data_path", "csm_enabled", "proxy_ca_bundle", "proxy_client_cert"),
}
_READ = (
    "region",
    "endpoint_url",
    "ca_bundle",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
)
# Keys that are not written down but fetched.
_FETCHED = ("role_arn", "sso_", "credential_", "web_identity_token_file", "login_session", "source_profile")
_FETCHED_BY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CREDENTIAL_EXPIRATION")


@dataclass(frozen=True)
class Access:
    """An `endpoint` is empty for AWS's own; `ca_bundle` where the usual certificates count.

    `keys` are None if they have to be asked for.
    """

    endpoint: str
    region: str
    ca_bundle: str
    keys: Keys | None


def access(region: str = "") -> Access | None:
    """None if botocore has to be asked about more than keys: proxies, rare settings, files it refuses."""
    environment = os.environ
    if _is_unusual(environment):
        return None
    found = _profile(environment)
    if found is None or found.keys() & _UNUSUAL_KEYS or any("\n" in found.get(key, "") for key in _READ):
        return None
    endpoint = _first(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") or found.get("endpoint_url", "")
    if not _is_address(endpoint):
        return None
    return Access(
        endpoint=endpoint,
        region=region or _first(environment, "AWS_REGION", "AWS_DEFAULT_REGION") or found.get("region", ""),
        ca_bundle=_first(environment, "AWS_CA_BUNDLE")
        or found.get("ca_bundle")
        or _first(environment, "REQUESTS_CA_BUNDLE"),
        keys=_keys(environment, found),
    )


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        usual = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = (
        re.fullmatch(r"[!-~]+", endpoint) and not parts.username and not parts.query and not parts.fragment
    )
    return not endpoint or bool(usual and plain)


def _is_unusual(environment: Mapping[str, str]) -> bool:
    if any(
        value and (name in UNUSUAL or name.startswith(_UNUSUAL_PREFIX)) for name, value in environment.items()
    ):
        return True
    proxied = any(
        value and name.lower().endswith("_proxy") and name.lower() != "no_proxy"
        for name, value in environment.items()
    )
    # There a proxy may be a setting of the system.
    return proxied or sys.platform in ("darwin", "win32") and _system_proxies()


def _system_proxies() -> bool:
    from urllib.request import getproxies

    return bool(getproxies())


def _keys(environment: Mapping[str, str], profile: Mapping[str, str]) -> Keys | None:
    if any(environment.get(name) for name in _FETCHED_BY):
        return None
    token = _first(environment, "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
    pair = environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
    if not any(pair) and not any(name.startswith(_FETCHED) for name in profile):
        token = profile.get("aws_session_token", "")
        pair = profile.get("aws_access_key_id", ""), profile.get("aws_secret_access_key", "")
    return Keys(*pair, token) if all(pair) else None


def _profile(environment: Mapping[str, str]) -> dict[str, str] | None:
    """The settings of the profile in use, of both files; None if botocore would find fault with them."""
    named = _first(environment, "AWS_DEFAULT_PROFILE", "AWS_PROFILE")
    name = named or "default"
    settings = _file(environment.get("AWS_CONFIG_FILE") or "~/.aws/config")
    keys = _file(environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
    if settings is None or keys is None:
        return None
    found = [
        *(parsed for title, parsed in settings.items() if _names(title, name)),
        *(parsed for title, parsed in keys.items() if title == name),
    ]
    if named and not found:
        return None
    return {key: value for parsed in found for key, value in parsed.items()}


def _names(title: str, profile: str) -> bool:
    """Whether a section of the config file is that of the profile."""
    return title.split() == ["profile", profile] or title == profile == "default"


def _file(path: str) -> dict[str, dict[str, str]] | None:
    """The sections of a file, none where there is none; None if it is not plain."""
    parser = configparser.RawConfigParser(default_section="")
    try:
        with Path(os.path.expandvars(path)).expanduser().open(encoding="utf-8") as lines:
            parser.read_file(lines)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RuntimeError, configparser.Error):
        return None
    return {title: dict(parser[title]) for title in parser.sections()}


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((value for name in names if (value := environment.get(name, ""))), "")
