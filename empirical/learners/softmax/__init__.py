"""Softmax regression."""
