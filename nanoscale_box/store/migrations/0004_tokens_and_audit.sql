-- Bearer tokens of the API, by their digests, and the audit, which is only ever added to.

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    digest TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('read', 'deploy', 'admin')),
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at DATETIME,
    last_used_at DATETIME
);

-- AUTOINCREMENT, so that entries missing at the end show: the highest number ever given is remembered elsewhere.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    target TEXT,
    delivery_id TEXT,
    sha TEXT,
    detail TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL
);
CREATE INDEX audit_by_target ON audit (target) WHERE target IS NOT NULL;
CREATE TRIGGER audit_is_not_altered BEFORE UPDATE ON audit
    BEGIN SELECT raise(ABORT, 'the audit is only ever added to'); END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
    BEGIN SELECT raise(ABORT, 'the audit is only ever added to'); END;
