"""Everything that can go wrong, as one small tree: a code for machines, a sentence for people, whose fault, may we
retry."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

TRIED_AGAIN: Final = "Deployments, and what the box does by itself, are tried again; anything else when you ask for it."
"""The hint for what passes by itself, true of whatever was asked: nobody asks again for a plan that was looked at."""


class Fault(StrEnum):
    """Who can mend it. Only what is not the owner's fault is worth retrying by itself."""

    OWNER = "owner"
    GITHUB = "github"
    NETWORK = "network"
    BOX = "box"


class Code(StrEnum):
    """Stable names of errors; each is documented in docs/troubleshooting.md and never changes its meaning."""

    # what was asked for
    INVALID = "invalid"
    INVALID_SOURCE = "invalid_source"
    INVALID_BRANCH = "invalid_branch"
    INVALID_URL = "invalid_url"
    INVALID_NAME = "invalid_name"
    INVALID_ENV = "invalid_env"
    NOT_FOUND = "not_found"
    NAME_TAKEN = "name_taken"
    STATE_CONFLICT = "state_conflict"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # who asks
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    # deliveries
    NOT_A_DELIVERY = "not_a_delivery"
    MALFORMED_DELIVERY = "malformed_delivery"
    BAD_SIGNATURE = "bad_signature"
    DELIVERY_CONFLICT = "delivery_conflict"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_MANY_REQUESTS = "too_many_requests"
    # GitHub
    GITHUB_NOT_CONFIGURED = "github_not_configured"
    GITHUB_NOT_CONNECTED = "github_not_connected"
    GITHUB_RECONNECT = "github_reconnect"
    GITHUB_STATE = "github_state"
    GITHUB_DENIED = "github_denied"
    GITHUB_UNREACHABLE = "github_unreachable"
    GITHUB_RATE_LIMITED = "github_rate_limited"
    GITHUB_REFUSED = "github_refused"
    GITHUB_CLOCK = "github_clock"
    INSTALLATION_UNKNOWN = "installation_unknown"
    INSTALLATION_SUSPENDED = "installation_suspended"
    REPOSITORY_UNKNOWN = "repository_unknown"
    # a deployment's own
    CI_FAILED = "ci_failed"
    BRANCH_MISSING = "branch_missing"
    SOURCE_UNREACHABLE = "source_unreachable"
    SOURCE_DENIED = "source_denied"
    SOURCE_REFUSED = "source_refused"
    SOURCE_TOO_LARGE = "source_too_large"
    SOURCE_TIMEOUT = "source_timeout"
    PLAN_UNKNOWN = "plan_unknown"
    PLAN_INVALID = "plan_invalid"
    TOOL_MISSING = "tool_missing"
    INSTALL_FAILED = "install_failed"
    BUILD_FAILED = "build_failed"
    BUILD_TIMEOUT = "build_timeout"
    OUTPUT_MISSING = "output_missing"
    PREFLIGHT_FAILED = "preflight_failed"
    RELEASE_FAILED = "release_failed"
    START_FAILED = "start_failed"
    EXITED_EARLY = "exited_early"
    NEVER_LISTENED = "never_listened"
    UNHEALTHY = "unhealthy"
    APP_CRASHING = "app_crashing"
    NO_FREE_PORT = "no_free_port"
    INGRESS_MISSING = "ingress_missing"
    INGRESS_FAILED = "ingress_failed"
    CANCELLED = "cancelled"
    # the box itself
    CONFIGURATION = "configuration"
    DISK_FULL = "disk_full"
    STORE_UNAVAILABLE = "store_unavailable"
    STORE_TOO_NEW = "store_too_new"
    KEY_UNKNOWN = "key_unknown"
    SEAL_BROKEN = "seal_broken"
    PORT_TAKEN = "port_taken"
    HOME_LOCKED = "home_locked"
    DAEMON_UNREACHABLE = "daemon_unreachable"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL = "internal"


class BoxError(Exception):
    """An error the box knows: `detail` says what happened, `hint` what to do next; both are shown to people as they
    are."""

    def __init__(
        self, code: Code, detail: str, *, hint: str = "", fault: Fault = Fault.OWNER, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.fault = fault
        self.retry_after = retry_after
        """Seconds after which trying again makes sense, if the other side said so."""

    @property
    def may_retry(self) -> bool:
        """Whether trying again without the owner may help."""
        return self.fault is not Fault.OWNER


class Invalid(BoxError):
    """The request cannot be right as it stands."""


class Unauthorized(BoxError):
    """The caller did not prove who it is."""


class Forbidden(BoxError):
    """The caller is known and may not."""


class NotFound(BoxError):
    """No such thing, or none the caller may know of."""


class Conflict(BoxError):
    """Right in itself, but not in the present state."""


class Unavailable(BoxError):
    """Something outside the request is missing for now: GitHub, disk, network, ingress."""


class DeployFailed(BoxError):
    """A deployment cannot go on; the release before it stays."""


class ConfigurationError(BoxError):
    """The box cannot start with the settings it was given."""
