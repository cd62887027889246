"""The user's authorisation: where the browser goes, codes and refresh tokens exchanged, the device flow.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import urlencode

import msgspec
from gidgethub import sansio

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters.github_calls import USER_AGENT, Caller, Calls, nothing
from nanoscale_box.adapters.github_http import Exchange, Http, NoAnswer, refused_answer
from nanoscale_box.adapters.github_limits import limited
from nanoscale_box.adapters.github_refusals import Kind, refusal, unreachable
from nanoscale_box.core.errors import Code, Unavailable
from nanoscale_box.core.github_model import App, DeviceCode, StillWaiting, UserTokens
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.text import inert
from nanoscale_box.engine.ports import Clock

_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_RFC_8628_SLOW_DOWN: Final = 5
_AGAIN: Final = "Begin again with: nanoscale-box github connect"
# https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors
_SENTENCES: Final = {
    "access_denied": "The authorisation was declined on GitHub.",
    "bad_verification_code": "GitHub's code was used already or is older than ten minutes.",
    "incorrect_client_credentials": "GitHub does not accept the App's client id and secret.",
    "redirect_uri_mismatch": "The App's callback URL on GitHub is not the one this box uses.",
    "unverified_user_email": "The GitHub account has no verified email address yet.",
    "expired_token": "The device code ran out before it was entered on GitHub.",
    "incorrect_device_code": "GitHub does not know the device code any more.",
    "device_flow_disabled": "The device flow is switched off in the App's settings on GitHub.",
}
_CODES: Final = {
    "access_denied": Code.GITHUB_DENIED,
    "bad_verification_code": Code.GITHUB_STATE,
    "expired_token": Code.GITHUB_STATE,
    "incorrect_device_code": Code.GITHUB_STATE,
}
_HINTS: Final = {
    "incorrect_client_credentials": "Compare both with the App's settings on GitHub.",
    "redirect_uri_mismatch": "Set it in the App's settings on GitHub, then begin again.",
    "unverified_user_email": "Verify it on GitHub, then begin again.",
    "device_flow_disabled": "Switch it on there, or connect with a browser.",
}


class OAuth:
    """GitHub's OAuth endpoints, which lie at its web address and not in its API, and refuse with status 200."""

    def __init__(self, url: str, http: Http, calls: Calls, clock: Clock) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._calls = calls
        self._clock = clock

    def authorize_url(self, app: App, *, redirect_uri: str, state: str, code_challenge: str) -> str:
        """Where the owner's browser goes to authorise (PKCE, S256)."""
        query = {
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._url}/login/oauth/authorize?{urlencode(query)}"

    async def exchange_code(self, app: App, *, code: str, redirect_uri: str, code_verifier: str) -> UserTokens:
        """Exchange an OAuth code; it works once, so this is never tried twice."""
        form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": code_verifier}
        return self._tokens(await self._grant(app, form))

    async def refresh(self, app: App, refresh_token: Secret) -> UserTokens:
        """Exchange a refresh token; it works once, so this is never tried twice. `github_reconnect` when it is dead."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        return self._tokens(await self._grant(app, form))

    async def device_code(self, app: App) -> DeviceCode:
        """Begin the device flow; `github_denied` where the App has it switched off."""
        found = await self._post("/login/device/code", {"client_id": app.client_id}, shapes.read_device)
        if found.error is not None:
            raise denied(found.error)
        if found.device_code is None or found.user_code is None or found.verification_uri is None:
            raise _unreadable()
        return DeviceCode(
            device_code=Secret(found.device_code),
            user_code=found.user_code,
            verification_uri=found.verification_uri,
            expires_in=found.expires_in,
            interval=max(1, found.interval),
        )

    async def device_tokens(self, app: App, begun: DeviceCode) -> UserTokens | StillWaiting:
        """Ask once whether the code was entered; no more often than `interval` says."""
        form = {
            "client_id": app.client_id,
            "grant_type": _DEVICE_GRANT,
            "device_code": begun.device_code.reveal(),
        }
        found = await self._post("/login/oauth/access_token", form, shapes.read_oauth)
        match found.error:
            case "authorization_pending":
                return StillWaiting(interval=begun.interval)
            case "slow_down":
                return StillWaiting(interval=found.interval or begun.interval + _RFC_8628_SLOW_DOWN)
            case _:
                return self._tokens(found)

    async def revoke_grant(self, app: App, token: Secret) -> None:
        """Revoke the authorisation as a whole; one that GitHub does not know (any more) is fine."""
        await self._calls.write(
            _client(app),
            "DELETE",
            f"/applications/{app.client_id}/grant",
            {"access_token": token.reveal()},
            read=nothing,
            take=frozenset({404, 422}),
            again=True,
            paced=False,
        )

    async def _grant(self, app: App, form: dict[str, str]) -> shapes.OAuthAnswer:
        client = {"client_id": app.client_id, "client_secret": app.client_secret.reveal()}
        return await self._post("/login/oauth/access_token", client | form, shapes.read_oauth)

    async def _post(self, path: str, form: dict[str, str], read: shapes.Reader[shapes.T]) -> shapes.T:
        headers = sansio.create_headers(USER_AGENT, accept="application/json")
        headers["content-type"] = "application/x-www-form-urlencoded"
        exchange = Exchange(method="POST", url=self._url + path, headers=headers, body=urlencode(form).encode())
        await self._calls.limits.admit("oauth")
        answer = await self._http.send(exchange)
        if isinstance(answer, NoAnswer):
            raise unreachable(answer)
        held = self._calls.limits.observe("oauth", answer)
        if held is not None:
            raise limited(held)
        if answer.status >= 500:
            raise refusal(Kind.CLIENT, answer, None)
        try:
            return read(answer.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # the reason may quote a token, so it ends here
        if answer.status >= 300:
            raise refusal(Kind.CLIENT, answer, None)
        raise _unreadable()

    def _tokens(self, found: shapes.OAuthAnswer) -> UserTokens:
        if found.error is not None:
            raise denied(found.error)
        if found.access_token is None:
            raise _unreadable()
        return shapes.user_tokens(found.access_token, found, self._clock.now())


def denied(error: str) -> Unavailable:
    """The sentence for an `error` of the OAuth endpoints."""
    if error == "bad_refresh_token":
        return Unavailable(
            Code.GITHUB_RECONNECT, "GitHub no longer renews your authorisation.", hint="Connect GitHub again."
        )
    sentence = _SENTENCES.get(error) or f"GitHub refused the authorisation ({inert(error, limit=60)})."
    return Unavailable(_CODES.get(error, Code.GITHUB_REFUSED), sentence, hint=_HINTS.get(error, _AGAIN))


def _client(app: App) -> Caller:
    async def authorize() -> str:
        pair = f"{app.client_id}:{app.client_secret.reveal()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    return Caller(kind=Kind.CLIENT, name=f"client:{app.client_id}", authorize=authorize)


def _unreadable() -> Unavailable:
    return refused_answer("GitHub's answer is not of the form its documentation promises.")
