"""Learners whose models are differentially private in their training examples."""
