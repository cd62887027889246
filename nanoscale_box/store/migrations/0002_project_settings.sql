-- What an owner settles for a project; null is the default. `watch_paths` is a JSON list.
ALTER TABLE projects ADD COLUMN watch_paths TEXT;
ALTER TABLE projects ADD COLUMN tag_pattern TEXT;
ALTER TABLE projects ADD COLUMN health_path TEXT;
ALTER TABLE projects ADD COLUMN health_status TEXT;
ALTER TABLE projects ADD COLUMN health_timeout_seconds INTEGER;
ALTER TABLE projects ADD COLUMN health_grace_seconds INTEGER;
ALTER TABLE projects ADD COLUMN stop_seconds INTEGER;
ALTER TABLE projects ADD COLUMN memory_mb INTEGER;
ALTER TABLE projects ADD COLUMN cpu_percent INTEGER;
ALTER TABLE projects ADD COLUMN tasks_max INTEGER;
ALTER TABLE projects ADD COLUMN build_timeout_seconds INTEGER;
ALTER TABLE projects ADD COLUMN build_memory_mb INTEGER;
ALTER TABLE projects ADD COLUMN preflight_command TEXT;
ALTER TABLE projects ADD COLUMN release_command TEXT;
