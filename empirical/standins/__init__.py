"""Cheap stand-ins for memorization, one file each, and how they are judged."""
