"""Losses and metrics."""

from keras_action.losses.candidates import CandidateAccuracy, CandidateCrossentropy

__all__ = ["CandidateAccuracy", "CandidateCrossentropy"]
