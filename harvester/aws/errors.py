"""Errors of AWS and of the way to it, explained: what failed, what to do, and whether to ask again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidConfigError,
    InvalidProxiesConfigError,
    InvalidRegionError,
    LoginTokenLoadError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnknownRegionError,
    UnsupportedS3ConfigurationError,
)

from harvester.errors import Exit

Advice = tuple[str, Exit]

_SIGN_IN = "The AWS session is over: sign in again (with IAM Identity Center: `aws sso login`)."
_KEYS = "The AWS keys are not accepted: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_SECRET = "The AWS secret key is wrong: check the keys in use."
_CLOCK = "This machine's clock is wrong: set it, for AWS refuses requests more than a few minutes off."
_GIVE_KEYS = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role."
LATER = "Try again in a minute."
# Messages that a service may word in its own way.
NO_KEYS, UNREACHABLE = "There are no AWS keys", "AWS cannot be reached"
_REGION = "Set `region`, or AWS_REGION, to the region in which it was made."
_SETTINGS = "Check AWS_PROFILE and ~/.aws/config."
_NETWORK = "Check the network and `region`."

# The errors that all services share; a service's own are given to `explained`:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and each service's "Common Errors"
_SHARED: Mapping[str, Advice] = {
    **dict.fromkeys(
        (
            *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
            *("InvalidToken", "UnauthorizedException"),
        ),
        (_SIGN_IN, Exit.UNAUTHORIZED),
    ),
    **dict.fromkeys(
        (
            *("AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId"),
            *("MissingAuthenticationToken", "UnrecognizedClientException", "InvalidSecurity"),
        ),
        (_KEYS, Exit.UNAUTHORIZED),
    ),
    **dict.fromkeys(("SignatureDoesNotMatch", "InvalidSignatureException"), (_SECRET, Exit.UNAUTHORIZED)),
    "RequestTimeTooSkewed": (_CLOCK, Exit.UNAUTHORIZED),
    **dict.fromkeys(
        (
            *("InternalError", "InternalFailure", "InternalServerError", "RequestLimitExceeded"),
            *("RequestTimeout", "ServerException", "ServiceUnavailable", "ServiceUnavailableException"),
            *("SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"),
        ),
        (LATER, Exit.RETRY_LATER),
    ),
    **dict.fromkeys(
        (
            *("301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
            *("PermanentRedirect", "TemporaryRedirect"),
        ),
        (_REGION, Exit.USAGE),
    ),
    "OptInRequired": ("The account does not have this region or service: enable it.", Exit.USAGE),
}
# Answers that stay the same however often the same request is sent.
_LASTING = {
    *("301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
    *("501", "MethodNotAllowed", "NotImplemented", "405", "InvalidBucketName", "InvalidRequest"),
    *("413", "EntityTooLarge", "MaxMessageLengthExceeded", "InvalidArgument", "KeyTooLongError"),
}
# Errors made on this machine, special ones first: what they mean, what to do, and whether to ask again.
_HERE: tuple[tuple[type[BotoCoreError], str, str, Exit, bool], ...] = (
    (
        NoRegionError,
        "It is not known which AWS region is meant",
        "Set `region`, or AWS_REGION.",
        Exit.USAGE,
        False,
    ),
    (NoCredentialsError, NO_KEYS, _GIVE_KEYS, Exit.UNAUTHORIZED, True),
    (PartialCredentialsError, "The AWS keys are not complete", _KEYS, Exit.UNAUTHORIZED, False),
    (ProfileNotFound, "There is no such AWS profile", _SETTINGS, Exit.USAGE, False),
    *(
        (kind, "The AWS session is not signed in", _SIGN_IN, Exit.UNAUTHORIZED, True)
        for kind in (SSOError, TokenRetrievalError, LoginTokenLoadError)
    ),
    *(
        (kind, "The AWS settings cannot be used", _SETTINGS, Exit.USAGE, False)
        for kind in (ConfigNotFound, ConfigParseError, InvalidConfigError, UnsupportedS3ConfigurationError)
    ),
    *(
        (kind, "The AWS region is not one", "Correct `region`, or AWS_REGION.", Exit.USAGE, False)
        for kind in (InvalidRegionError, UnknownRegionError)
    ),
    (CredentialRetrievalError, "The AWS keys cannot be fetched", _SETTINGS, Exit.UNAUTHORIZED, True),
    (InvalidProxiesConfigError, "The proxy settings cannot be used", "Check HTTPS_PROXY.", Exit.USAGE, False),
    (ParamValidationError, "A name or value is not one AWS takes", "Correct it.", Exit.USAGE, False),
    (ProxyConnectionError, "The proxy cannot be reached", "Check HTTPS_PROXY.", Exit.RETRY_LATER, True),
    (SSLError, "The connection is not secure", "Check AWS_CA_BUNDLE and the proxy.", Exit.RETRY_LATER, True),
    (ConnectionError, UNREACHABLE, _NETWORK, Exit.RETRY_LATER, True),
    (HTTPClientError, UNREACHABLE, _NETWORK, Exit.RETRY_LATER, True),
)


@dataclass(frozen=True)
class Explained:
    """An error: `code` is AWS's name for it and `said` its words, on one line of at most 300 characters.

    `message` says what failed on this machine; it is empty where AWS refused. `passing` tells whether the
    same request may succeed later. An empty `hint` means that the code is in no table.
    """

    code: str
    said: str
    status: int
    message: str
    hint: str
    exit_code: Exit
    passing: bool


def explained(error: ClientError | BotoCoreError, *, own: Mapping[str, Advice] | None = None) -> Explained:
    """What botocore raised, in words; `own` is what one service has to say about its codes."""
    if isinstance(error, ClientError):
        return _refused(error, own or {})
    said = _line(str(error))
    for kind, message, hint, exit_code, passing in _HERE:
        if isinstance(error, kind):
            return Explained("", said, 0, message, hint, exit_code, passing)
    return Explained("", said, 0, "AWS cannot be asked", "Check the AWS settings.", Exit.ERROR, True)


def code_of(error: ClientError) -> str:
    """AWS's name for the error; the status where the answer had none."""
    return str(_part(error, "Error").get("Code") or status_of(error) or "")


def status_of(error: ClientError) -> int:
    status = _part(error, "ResponseMetadata").get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


def _refused(error: ClientError, own: Mapping[str, Advice]) -> Explained:
    code, status = code_of(error), status_of(error)
    said = _line(str(_part(error, "Error").get("Message") or ""))
    advice = own.get(code) or _SHARED.get(code)
    if re.search(r"[Ss]ignature (expired|not yet current)", said):
        advice = _SHARED["RequestTimeTooSkewed"]
    failing = status >= 500 and status != 501
    if advice is None and (failing or re.fullmatch(r"50[0234]", code)):
        advice = (LATER, Exit.RETRY_LATER)
    hint, exit_code = advice or ("", Exit.ERROR)
    if hint == _REGION and (region := _region(error)):
        hint = f"It is in the region {region}: set `region`, or AWS_REGION, to that."
    return Explained(code, said, status, "", hint, exit_code, code not in _LASTING and status != 501)


def _region(error: ClientError) -> str:
    """The region that AWS names in such an answer; empty where it names none."""
    headers = _part(error, "ResponseMetadata").get("HTTPHeaders")
    named = (
        (headers.get("x-amz-bucket-region") if isinstance(headers, dict) else "")
        or _part(error, "Error").get("Region")
        or ""
    )
    return str(named) if re.fullmatch(r"[a-z0-9-]{1,40}", str(named)) else ""


def _part(error: ClientError, name: str) -> Mapping[str, object]:
    part = error.response.get(name)
    return part if isinstance(part, dict) else {}


def _line(words: str) -> str:
    return " ".join(words.split())[:300]
