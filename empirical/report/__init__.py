"""The report that people open: one HTML file that needs nothing else, from a comparison's tables and the examples."""
