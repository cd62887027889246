"""Reads an App's JSON web token and refuses it in GitHub's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .answers import ApiError
from .model import App
from .state import State

LONGEST_SECONDS = 600
UNDECODABLE = "A JSON web token could not be decoded"


def app_of_jwt(state: State, token: str, now: datetime) -> App:
    """The App that signed `token`; 401 if it did not, 404 if there is no such App.

    Rules: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
    """
    claims = _unverified(token)
    app = _issuer(state, claims.get("iss"))
    key = load_pem_public_key(app.public_pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ApiError(401, "Integration must generate a public key")
    options: Any = {
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_iss": False,
        "verify_aud": False,
    }
    try:
        jwt.decode(token, key, algorithms=["RS256"], options=options)
    except jwt.PyJWTError as error:
        raise ApiError(401, UNDECODABLE) from error
    _check_times(claims, now.timestamp())
    return app


def _unverified(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise ApiError(401, UNDECODABLE) from error
    if header.get("alg") != "RS256":
        raise ApiError(401, UNDECODABLE)
    return claims


def _issuer(state: State, issuer: object) -> App:
    if not isinstance(issuer, str | int) or isinstance(issuer, bool):
        raise ApiError(401, "Missing 'issuer' claim ('iss') in assertion")
    wanted = str(issuer)
    for app in state.apps.values():
        if wanted in (str(app.id), app.client_id):
            return app
    raise ApiError(404, "Integration not found")


def _check_times(claims: dict[str, Any], now: float) -> None:
    issued, expires = _number(claims.get("iat")), _number(claims.get("exp"))
    if issued is None or issued > now:
        text = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        raise ApiError(401, text)
    if expires is None or expires <= now:
        text = "must be a numeric value representing the future time at which the assertion expires"
        raise ApiError(401, f"'Expiration time' claim ('exp') {text}")
    if expires > now + LONGEST_SECONDS:
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
