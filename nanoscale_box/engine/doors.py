"""The addresses the box tells GitHub and the browser; they come from settings, never from a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

_BASE: Final = "/api/integrations/github"
WEBHOOK: Final = f"{_BASE}/webhook"
LANDING: Final = "/integrations/github"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the box is reached. `public_url` is None when GitHub cannot reach it; the browser then comes back over
    loopback."""

    loopback_url: str
    public_url: str | None
    webhooks: bool
    github_url: str

    @property
    def base(self) -> str:
        """Where the owner's browser finds the box."""
        return self.public_url or self.loopback_url

    @property
    def webhook(self) -> str | None:
        """Where GitHub delivers; None: the box polls."""
        return f"{self.public_url}{WEBHOOK}" if self.webhooks and self.public_url else None

    @property
    def callback(self) -> str:
        """Where OAuth comes back, exactly as registered."""
        return f"{self.base}{_BASE}/callback"

    @property
    def manifest_page(self) -> str:
        """The box's own page that posts the manifest to GitHub."""
        return f"{self.base}{_BASE}/app/new"

    @property
    def registered(self) -> str:
        """Where GitHub sends the browser with the manifest's code."""
        return f"{self.base}{_BASE}/app/registered"

    @property
    def installed(self) -> str:
        """Where GitHub sends the browser after the App was installed."""
        return f"{self.base}{_BASE}/app/installed"

    def reason(self, deployment_id: str) -> str:
        """The page that says why a deployment failed, to whoever was given this link."""
        return f"{self.base}{LANDING}?{urlencode({'deployment': deployment_id})}"

    @property
    def issuer(self) -> str:
        """Who GitHub says it is in an answer that names its issuer (RFC 9207)."""
        return f"{self.github_url.rstrip('/')}/login/oauth"

    def apps_page(self, slug: str) -> str:
        """GitHub's page of an App's settings, where it can be deleted."""
        return f"{self.github_url}/settings/apps/{slug}"

    def registration(self, organization: str | None) -> str:
        """GitHub's page that takes a manifest."""
        return (
            f"{self.github_url}/organizations/{organization}/settings/apps/new"
            if organization
            else f"{self.github_url}/settings/apps/new"
        )
