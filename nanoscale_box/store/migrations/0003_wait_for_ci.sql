-- Whether a project's pushes are deployed only once the commit's checks and statuses are green; and since when a
-- queued deployment waits for that.
ALTER TABLE projects ADD COLUMN wait_for_ci BOOLEAN NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN ci_since DATETIME;
