"""Learners trained on the tasks of ``longtail.irrelevant``, and what attacks recover of the examples that they saw alone."""
