"""What both packages share: a problem, a number with its errors, additive moments, and errors that say what to do."""

from longtail.core.checks import LARGEST, AccuracyError, ArgumentError, flag, instance, real, whole
from longtail.core.estimate import Estimate, Moments
from longtail.core.problem import Mode, Nodes, Prior, Problem, compressed, posed
from longtail.core.types import Bools, Floats, Integers

__all__ = [
    "LARGEST",
    "AccuracyError",
    "ArgumentError",
    "Bools",
    "Estimate",
    "Floats",
    "Integers",
    "Mode",
    "Moments",
    "Nodes",
    "Prior",
    "Problem",
    "compressed",
    "flag",
    "instance",
    "posed",
    "real",
    "whole",
]
