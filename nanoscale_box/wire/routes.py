"""Where everything is found; the server mounts these and the client calls them."""

from __future__ import annotations

from typing import Final

GITHUB: Final = "/api/integrations/github"
WEBHOOK: Final = f"{GITHUB}/webhook"
CALLBACK: Final = f"{GITHUB}/callback"
START: Final = f"{GITHUB}/start"
GITHUB_STATUS: Final = f"{GITHUB}/status"
DISCONNECT: Final = f"{GITHUB}/disconnect"
APP: Final = f"{GITHUB}/app"
INSTALLATIONS: Final = f"{GITHUB}/installations"
REPOS: Final = f"{GITHUB}/repos"
REPOS_SYNC: Final = f"{GITHUB}/repos/sync"
BRANCHES: Final = f"{GITHUB}/repos/{{repo_id}}/branches"
HOOKS: Final = f"{GITHUB}/hooks"
HOOKS_REPAIR: Final = f"{GITHUB}/hooks/repair"
HOOKS_ROTATE: Final = f"{GITHUB}/hooks/rotate"

# The manifest's own pages, on the public door: the form that posts itself to GitHub, and the two ways back.
MANIFEST_PAGE: Final = f"{GITHUB}/app/new"
MANIFEST_RETURN: Final = f"{GITHUB}/app/registered"
SETUP_RETURN: Final = f"{GITHUB}/app/installed"
LANDING: Final = "/integrations/github"
HEALTHZ: Final = "/healthz"

PUBLIC: Final = (WEBHOOK, CALLBACK, MANIFEST_PAGE, MANIFEST_RETURN, SETUP_RETURN, LANDING, HEALTHZ)
"""All of the public door; the ingress leads no other path of its host there."""

PROJECTS: Final = "/api/projects"
PROJECT: Final = "/api/projects/{project_id}"
REDEPLOY: Final = f"{PROJECT}/redeploy"
ROLLBACK: Final = f"{PROJECT}/rollback"
RESUME: Final = f"{PROJECT}/resume"
ENV: Final = f"{PROJECT}/env"
PROJECT_DEPLOYMENTS: Final = f"{PROJECT}/deployments"
PROJECT_VERDICTS: Final = f"{PROJECT}/verdicts"
PROJECT_LOG: Final = f"{PROJECT}/log"
PROJECT_PLAN: Final = f"{PROJECT}/plan"
PROJECT_DATA: Final = f"{PROJECT}/data"
PLAN: Final = "/api/plan"

DEPLOYMENT: Final = "/api/deployments/{deployment_id}"
CANCEL: Final = f"{DEPLOYMENT}/cancel"
DEPLOYMENT_LOG: Final = f"{DEPLOYMENT}/log"

EVENTS: Final = "/api/events"
VERDICTS: Final = "/api/verdicts"
SESSION: Final = "/api/session"
DOCTOR: Final = "/api/doctor"
DOCTOR_FIX: Final = f"{DOCTOR}/fix"
DOWN: Final = "/api/down"
USAGE: Final = "/api/usage"
METRICS: Final = "/metrics"
OPENAPI: Final = "/api/openapi.json"
TOKENS: Final = "/api/tokens"
TOKEN_BY_ID: Final = f"{TOKENS}/{{token_id}}"
KEYS: Final = "/api/keys"
KEYS_ROTATE: Final = f"{KEYS}/rotate"
BACKUP: Final = "/api/backup"
AUDIT: Final = "/api/audit"
AUDIT_CHECK: Final = f"{AUDIT}/check"
