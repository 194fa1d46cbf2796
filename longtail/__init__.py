"""Feldman's model of learning from a long tail, solved exactly and simulated."""
