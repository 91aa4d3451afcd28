"""Synthetic videos of hand gestures."""
