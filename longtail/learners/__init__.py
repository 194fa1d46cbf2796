"""Learners of the long-tail model, one file each; ``Learner`` is the class to subclass for another."""

from longtail.learners.capacity import Capacity
from longtail.learners.forget import Forget
from longtail.learners.learner import Learner, Seen
from longtail.learners.limited import Limited
from longtail.learners.majority import Majority
from longtail.learners.memorizer import Memorizer
from longtail.learners.noisy import Noisy
from longtail.learners.private import Private

__all__ = ["Capacity", "Forget", "Learner", "Limited", "Majority", "Memorizer", "Noisy", "Private", "Seen"]
