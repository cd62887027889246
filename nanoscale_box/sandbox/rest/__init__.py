"""The REST API under `/api/v3`."""
