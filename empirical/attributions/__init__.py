"""Attributions: how much each training example is said to do for the answer on each test example, an (n, q) array, and how well
what is said holds against models that were trained.
"""
