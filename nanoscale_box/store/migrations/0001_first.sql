-- The first schema. Times are RFC 3339 text in UTC with microseconds and `Z`, so that they sort as text.

-- `nano`, which tells the box's database from any other.
PRAGMA application_id = 0x6E616E6F;

CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
-- The owner: the socket's peer and every bearer token act as this row.
INSERT INTO users (id) VALUES ('usr_owner');

CREATE TABLE projects (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    repo_url TEXT,
    source_provider TEXT NOT NULL CHECK (source_provider IN ('manual', 'github')),
    source_repo_id INTEGER,
    branch TEXT NOT NULL,
    install_command TEXT,
    build_command TEXT,
    run_command TEXT,
    output_directory TEXT,
    root_directory TEXT,
    paused_reason TEXT,
    pinned_deployment_id TEXT,
    live_deployment_id TEXT,
    down BOOLEAN NOT NULL DEFAULT 0,
    -- Only ever grows, so that a number of a deployment is never given twice.
    last_number INTEGER NOT NULL DEFAULT 0,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE project_hosts (
    host TEXT PRIMARY KEY NOT NULL COLLATE NOCASE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    position INTEGER NOT NULL
);
CREATE INDEX project_hosts_by_project ON project_hosts (project_id, position);

CREATE TABLE project_env (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value_encrypted TEXT NOT NULL,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (project_id, key)
);

CREATE TABLE project_github_links (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL UNIQUE REFERENCES projects (id) ON DELETE CASCADE,
    installation_id INTEGER NOT NULL,
    repo_id INTEGER NOT NULL,
    repo_node_id TEXT NOT NULL,
    owner_login TEXT NOT NULL,
    repo_name TEXT NOT NULL,
    full_name TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    selected_branch TEXT NOT NULL,
    is_private BOOLEAN NOT NULL DEFAULT 0,
    webhook_id INTEGER,
    -- Empty until the repository has a hook of its own.
    webhook_secret_encrypted TEXT NOT NULL DEFAULT '',
    active BOOLEAN NOT NULL DEFAULT 1,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX project_github_links_by_branch ON project_github_links (repo_id, selected_branch);
CREATE INDEX project_github_links_by_webhook ON project_github_links (webhook_id);

CREATE TABLE deployments (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    "trigger" TEXT NOT NULL CHECK ("trigger" IN ('create', 'push', 'poll', 'sweep', 'manual', 'rollback')),
    state TEXT NOT NULL CHECK (state IN (
        'queued', 'fetching', 'building', 'starting', 'switching', 'live', 'retired', 'failed', 'superseded', 'cancelled'
    )),
    sha TEXT,
    ref TEXT,
    subject TEXT,
    author TEXT,
    delivery_id TEXT,
    superseded_by TEXT,
    rollback_to TEXT,
    error_code TEXT,
    error_detail TEXT,
    error_hint TEXT,
    steps TEXT NOT NULL DEFAULT '[]',
    attempt INTEGER NOT NULL DEFAULT 0,
    cancel_requested BOOLEAN NOT NULL DEFAULT 0,
    clear_cache BOOLEAN NOT NULL DEFAULT 0,
    queued_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    due_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    burst_since DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    started_at DATETIME,
    finished_at DATETIME,
    -- What the release was built by and runs with, kept for a rollback. Last, for it may be long.
    plan TEXT,
    env_encrypted TEXT
);
CREATE UNIQUE INDEX deployments_by_number ON deployments (project_id, number);
CREATE UNIQUE INDEX deployments_one_queued ON deployments (project_id) WHERE state = 'queued';
CREATE UNIQUE INDEX deployments_one_running ON deployments (project_id)
    WHERE state IN ('fetching', 'building', 'starting', 'switching');
CREATE UNIQUE INDEX deployments_one_live ON deployments (project_id) WHERE state = 'live';
CREATE INDEX deployments_by_due ON deployments (state, due_at);
CREATE INDEX deployments_that_ended ON deployments (project_id, number)
    WHERE state IN ('live', 'retired') OR (state = 'failed' AND sha IS NOT NULL);

CREATE TABLE github_user_links (
    id TEXT PRIMARY KEY NOT NULL,
    local_user_id TEXT NOT NULL UNIQUE REFERENCES users (id),
    github_user_id INTEGER NOT NULL UNIQUE,
    github_login TEXT NOT NULL,
    access_token_encrypted TEXT NOT NULL,
    refresh_token_encrypted TEXT,
    token_expires_at DATETIME,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE github_installations (
    id TEXT PRIMARY KEY NOT NULL,
    local_user_id TEXT NOT NULL,
    installation_id INTEGER NOT NULL UNIQUE,
    account_login TEXT NOT NULL,
    account_type TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id INTEGER NOT NULL,
    repository_selection TEXT NOT NULL DEFAULT 'selected',
    suspended BOOLEAN NOT NULL DEFAULT 0,
    permissions TEXT NOT NULL DEFAULT '{}',
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX github_installations_by_user ON github_installations (local_user_id);

CREATE TABLE github_repositories (
    id TEXT PRIMARY KEY NOT NULL,
    installation_id INTEGER NOT NULL,
    repo_id INTEGER NOT NULL UNIQUE,
    node_id TEXT NOT NULL,
    owner_login TEXT NOT NULL,
    name TEXT NOT NULL,
    full_name TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    is_private BOOLEAN NOT NULL,
    html_url TEXT NOT NULL,
    clone_url TEXT NOT NULL,
    archived BOOLEAN NOT NULL DEFAULT 0,
    disabled BOOLEAN NOT NULL DEFAULT 0,
    last_synced_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX github_repositories_by_installation ON github_repositories (installation_id);
CREATE INDEX github_repositories_by_full_name ON github_repositories (full_name);
-- The order lists are shown in: upper and lower case alike, ties by identity.
CREATE INDEX github_repositories_listed ON github_repositories (full_name COLLATE NOCASE, repo_id);
CREATE INDEX github_repositories_listed_in ON github_repositories (installation_id, full_name COLLATE NOCASE, repo_id);

CREATE TABLE github_branches (
    repo_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha TEXT NOT NULL,
    is_default BOOLEAN NOT NULL DEFAULT 0,
    PRIMARY KEY (repo_id, name)
);
CREATE TABLE github_branch_syncs (
    repo_id INTEGER PRIMARY KEY,
    synced_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE github_webhook_deliveries (
    id TEXT PRIMARY KEY NOT NULL,
    delivery_id TEXT NOT NULL UNIQUE,
    event_type TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    hook_id TEXT NOT NULL,
    repo_id INTEGER,
    ref TEXT,
    before_commit TEXT,
    head_commit TEXT,
    handled BOOLEAN NOT NULL DEFAULT 0,
    status_code INTEGER,
    error_message TEXT,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX github_webhook_deliveries_by_push
    ON github_webhook_deliveries (repo_id, head_commit, ref, before_commit, hook_id)
    WHERE repo_id IS NOT NULL;

-- Verdicts and deliveries outlive their project, so nothing here refers to it by a foreign key.
CREATE TABLE verdicts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('queued', 'deployed', 'failed', 'superseded', 'cancelled', 'ignored')),
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    project_id TEXT,
    delivery_id TEXT,
    ref TEXT,
    sha TEXT,
    deployment_id TEXT
);
CREATE INDEX verdicts_by_project ON verdicts (project_id);
CREATE INDEX verdicts_by_source ON verdicts (project_id, source);
CREATE INDEX verdicts_by_delivery ON verdicts (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX verdicts_open ON verdicts (deployment_id) WHERE outcome = 'queued';

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    data TEXT NOT NULL,
    project_id TEXT,
    deployment_id TEXT
);

CREATE TABLE keeper (
    name TEXT PRIMARY KEY NOT NULL,
    text TEXT NOT NULL
);

CREATE TABLE oauth_states (
    digest TEXT PRIMARY KEY NOT NULL,
    flow TEXT NOT NULL,
    payload TEXT NOT NULL,
    expires_at DATETIME NOT NULL
);
CREATE INDEX oauth_states_by_expiry ON oauth_states (expires_at);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at DATETIME NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    last_error TEXT
);
CREATE INDEX jobs_by_due ON jobs (due_at);

-- Grows with every change of the cached repositories: what was computed from them is good while it stands.
CREATE TABLE github_cache_version (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL
);
INSERT INTO github_cache_version (only, version) VALUES (1, 0);
