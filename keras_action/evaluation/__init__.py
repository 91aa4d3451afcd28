"""Evaluation: test protocols, reports with intervals, comparisons of models."""

from keras_action.evaluation.comparison import ComparedModel, compare
from keras_action.evaluation.cross_validation import cross_validate
from keras_action.evaluation.evaluation import evaluate
from keras_action.evaluation.protocol import Protocol
from keras_action.evaluation.report import EvaluationReport

__all__ = ["ComparedModel", "EvaluationReport", "Protocol", "compare", "cross_validate", "evaluate"]
