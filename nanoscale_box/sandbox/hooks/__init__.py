"""Webhook deliveries: what is sent, how it is signed, and what came back."""
