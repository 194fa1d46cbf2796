"""Learners of the long-tail model, one file each; ``Learner`` is the class to subclass for another."""

from .capacity import Capacity
from .forget import Forget
from .learner import Learner, Seen
from .limited import Limited
from .majority import Majority
from .memorizer import Memorizer
from .private import Private

__all__ = ["Capacity", "Forget", "Learner", "Limited", "Majority", "Memorizer", "Private", "Seen"]
