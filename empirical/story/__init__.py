"""Feldman's talk "What Neural Networks Memorize and Why", played at small size: an act a file, each with what it claims."""
