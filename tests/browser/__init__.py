"""The box's pages and GitHub's in a real browser, and deliveries through real reverse proxies."""
