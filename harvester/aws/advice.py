"""What each error of AWS means and what to do about it: the tables, and each service's sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harvester.errors import Exit

Advice = tuple[str, Exit]


@dataclass(frozen=True)
class Words:
    """How the errors of one service read: sentences, and what it has to say of its own codes.

    A sentence may name what `explained` is given, AWS's {code} or {refusal} (code and reason), and of errors
    made on this machine {failed} (what failed, e.g. "The proxy cannot be reached"), {said} and {kind}.
    """

    refused: str
    failed: str
    no_keys: str = ""
    unreachable: str = ""
    network: str = ""
    advice: Mapping[str, Advice] = field(default_factory=dict)


_SIGN_IN = "The AWS session is over: sign in again (with IAM Identity Center: `aws sso login`)."
_KEYS = "The AWS keys are not accepted: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_SECRET = "The AWS secret key is wrong: check the keys in use."
_CLOCK = "This machine's clock is wrong: set it, for AWS refuses requests more than a few minutes off."
_GIVE_KEYS = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role."
LATER = "Try again in a minute."
NO_KEYS, UNREACHABLE = "There are no AWS keys", "AWS cannot be reached"
REGION = "Set `region`, or AWS_REGION, to the region in which it was made."
_SETTINGS = "Check AWS_PROFILE and ~/.aws/config."
_NETWORK = "Check the network and `region`."

# The errors that all services share; a service's own are in its `Words`:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and each service's "Common Errors"
SHARED: Mapping[str, Advice] = {
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
        (REGION, Exit.USAGE),
    ),
    "OptInRequired": ("The account does not have this region or service: enable it.", Exit.USAGE),
}
# Answers that stay the same however often the same request is sent.
LASTING = {
    *("301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
    *("501", "MethodNotAllowed", "NotImplemented", "405", "InvalidBucketName", "InvalidRequest"),
    *("413", "EntityTooLarge", "MaxMessageLengthExceeded", "InvalidArgument", "KeyTooLongError"),
}
# Errors made on this machine, by botocore's names, special ones first: what they mean, what to do, and
# whether to ask again.
HERE: tuple[tuple[str, str, str, Exit, bool], ...] = (
    (
        "NoRegionError",
        "It is not known which AWS region is meant",
        "Set `region`, or AWS_REGION.",
        Exit.USAGE,
        False,
    ),
    ("NoCredentialsError", NO_KEYS, _GIVE_KEYS, Exit.UNAUTHORIZED, True),
    ("PartialCredentialsError", "The AWS keys are not complete", _KEYS, Exit.UNAUTHORIZED, False),
    ("ProfileNotFound", "The AWS profile does not exist", _SETTINGS, Exit.USAGE, False),
    *(
        (kind, "The AWS session is not signed in", _SIGN_IN, Exit.UNAUTHORIZED, True)
        for kind in ("SSOError", "TokenRetrievalError", "LoginTokenLoadError")
    ),
    *(
        (kind, "The AWS settings cannot be used", _SETTINGS, Exit.USAGE, False)
        for kind in (
            "ConfigNotFound",
            "ConfigParseError",
            "InvalidConfigError",
            "UnsupportedS3ConfigurationError",
        )
    ),
    *(
        (kind, "The AWS region is not one", "Correct `region`, or AWS_REGION.", Exit.USAGE, False)
        for kind in ("InvalidRegionError", "UnknownRegionError")
    ),
    ("CredentialRetrievalError", "The AWS keys cannot be fetched", _SETTINGS, Exit.UNAUTHORIZED, True),
    (
        "InvalidProxiesConfigError",
        "The proxy settings cannot be used",
        "Check HTTPS_PROXY.",
        Exit.USAGE,
        False,
    ),
    ("ParamValidationError", "A name or value is not one AWS takes", "Correct it.", Exit.USAGE, False),
    ("ProxyConnectionError", "The proxy cannot be reached", "Check HTTPS_PROXY.", Exit.RETRY_LATER, True),
    (
        "SSLError",
        "The connection is not secure",
        "Check AWS_CA_BUNDLE and the proxy.",
        Exit.RETRY_LATER,
        True,
    ),
    ("ConnectionError", UNREACHABLE, _NETWORK, Exit.RETRY_LATER, True),
    ("HTTPClientError", UNREACHABLE, _NETWORK, Exit.RETRY_LATER, True),
)


# The services that run harvests.
_NOT_ALLOWED = (
    "Use the operator role that Terraform makes, or have its policy given to the user or role in use."
)
CLOUD = Words(
    refused="AWS refuses {action}: {refusal}.",
    failed="{failed} ({action}): {said}.",
    advice={
        **dict.fromkeys(
            ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
            (_NOT_ALLOWED, Exit.UNAUTHORIZED),
        ),
        "ClusterNotFoundException": (
            "Check `cluster` and `region`, and that `terraform apply` made the cluster.",
            Exit.USAGE,
        ),
        "BlockedException": ("AWS has blocked the account: its support tells why.", Exit.ERROR),
        "LimitExceededException": ("Ask AWS for a larger quota, or remove what is not used.", Exit.ERROR),
    },
)

# The parameter store. What AWS itself says is left out: it may repeat a value that was sent.
_MAY_NOT_READ = (
    "The AWS keys or the role may not do this: ssm:{operation} on {name} must be allowed "
    "(the task role reads keys/ and writes tokens/; the operator role writes both)."
)
_KMS = (
    "Check that the KMS key of the parameter is enabled, and that the role may use it "
    "(kms:Decrypt, kms:Encrypt)."
)
PARAMETER_STORE = Words(
    refused="The parameter store does not {action} {name}: {code}.",
    failed="The parameter store cannot be reached to {action} {name}: {kind}.",
    no_keys="There are no AWS keys to {action} {name} with.",
    advice={
        **dict.fromkeys(("AccessDenied", "AccessDeniedException"), (_MAY_NOT_READ, Exit.UNAUTHORIZED)),
        **dict.fromkeys(
            ("InvalidKeyId", "DisabledException", "KMSInvalidStateException"), (_KMS, Exit.UNAUTHORIZED)
        ),
        "ValidationException": (
            "Check parameter_path and the name: letters, digits, '_', '-' and '.'.",
            Exit.USAGE,
        ),
        "ParameterLimitExceeded": ("The account has too many parameters: remove some.", Exit.ERROR),
        "ParameterMaxVersionLimitExceeded": ("Remove the parameter, and store it again.", Exit.ERROR),
        "TooManyUpdates": (LATER, Exit.RETRY_LATER),
    },
)

# Objects in a bucket of S3, or of a server that speaks as S3 does.
_CONDITIONS = (
    "This server does not know conditional writes, without which two harvests harm each other: "
    "use another one (docs/stores.md)."
)
_NAME = "Give the name of the bucket alone: 3 to 63 lower-case letters, digits, '-' and '.'."
_TOO_LARGE = ("The server does not take objects of this size: set `bytes_per_file` lower.", Exit.ERROR)
_MAY_NOT = (
    "The AWS keys or the role may not do this: the bucket's and the role's policy must allow {permission}."
)
BUCKET = Words(
    refused="{name} refuses {key}: {refusal}.",
    failed="{failed}, to use {name} with: {said}.",
    no_keys="There are no AWS keys to use {name} with.",
    unreachable="{name} cannot be reached for {key}: {said}.",
    network="Check the network, the region and the AWS keys; what was collected is kept.",
    advice={
        "NoSuchBucket": ("Check the bucket's name, and that `terraform apply` made it.", Exit.ERROR),
        **dict.fromkeys(("AccessDenied", "401", "403"), (_MAY_NOT, Exit.ERROR)),
        "InvalidAccessKeyId": ("The AWS access key is not known: check the keys in use.", Exit.ERROR),
        "InvalidBucketName": (_NAME, Exit.USAGE),
        **dict.fromkeys(("EntityTooLarge", "MaxMessageLengthExceeded", "413"), _TOO_LARGE),
        **dict.fromkeys(("NotImplemented", "501", "MethodNotAllowed", "405"), (_CONDITIONS, Exit.ERROR)),
    },
)
