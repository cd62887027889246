"""The product driven from outside, on real parts: processes, git, Caddy, apps, and a simulated GitHub."""
