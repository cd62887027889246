"""Permission names and levels, and what it means to narrow them."""

from __future__ import annotations

from collections.abc import Mapping

LEVELS = ("none", "read", "write", "admin")

# Names as in the `app-permissions` schema of GitHub's OpenAPI description.
REPOSITORY_PERMISSIONS = frozenset(
    {
        "actions",
        "administration",
        "artifact_metadata",
        "attestations",
        "checks",
        "code_quality",
        "codespaces",
        "contents",
        "dependabot_secrets",
        "deployments",
        "discussions",
        "environments",
        "issues",
        "merge_queues",
        "metadata",
        "packages",
        "pages",
        "pull_requests",
        "repository_custom_properties",
        "repository_hooks",
        "repository_projects",
        "secret_scanning_alerts",
        "secrets",
        "security_events",
        "single_file",
        "statuses",
        "vulnerability_alerts",
        "workflows",
    }
)
ACCOUNT_PERMISSIONS = frozenset(
    {
        "email_addresses",
        "followers",
        "git_ssh_keys",
        "gpg_keys",
        "interaction_limits",
        "members",
        "organization_administration",
        "organization_hooks",
        "organization_plan",
        "organization_projects",
        "organization_packages",
        "organization_secrets",
        "organization_self_hosted_runners",
        "organization_user_blocking",
        "plan",
        "profile",
        "starring",
    }
)
KNOWN = REPOSITORY_PERMISSIONS | ACCOUNT_PERMISSIONS

ADMIN_OF_REPO: Mapping[str, str] = dict.fromkeys(REPOSITORY_PERMISSIONS, "write")
READER_OF_REPO: Mapping[str, str] = dict.fromkeys(("metadata", "contents", "statuses", "checks", "deployments"), "read")

# What an App must be allowed to read before it may subscribe to an event.
EVENT_NEEDS: Mapping[str, str] = {
    "push": "contents",
    "create": "contents",
    "delete": "contents",
    "release": "contents",
    "repository": "metadata",
    "public": "metadata",
    "status": "statuses",
    "deployment": "deployments",
    "deployment_status": "deployments",
    "check_run": "checks",
    "check_suite": "checks",
    "pull_request": "pull_requests",
    "workflow_run": "actions",
    "workflow_job": "actions",
    "issues": "issues",
    "meta": "metadata",
}
# Sent to every App without asking: https://docs.github.com/en/webhooks/webhook-events-and-payloads
UNASKED_EVENTS = frozenset(
    {"installation", "installation_repositories", "installation_target", "github_app_authorization"}
)


def rank(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def with_metadata(permissions: Mapping[str, str]) -> dict[str, str]:
    """Any repository permission brings `metadata: read` with it."""
    found = dict(permissions)
    if any(name in REPOSITORY_PERMISSIONS for name in found):
        found.setdefault("metadata", "read")
    return found


def allows(permissions: Mapping[str, str], name: str, level: str) -> bool:
    return rank(permissions.get(name)) >= rank(level)


def exceeds(wanted: Mapping[str, str], granted: Mapping[str, str]) -> bool:
    """Whether `wanted` asks for more than `granted` holds."""
    return any(rank(level) > rank(granted.get(name)) for name, level in wanted.items())


def intersection(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    both = {name: min(one[name], other[name], key=rank) for name in one.keys() & other.keys()}
    return {name: level for name, level in both.items() if rank(level)}
