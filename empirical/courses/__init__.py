"""The course of training: what models make of their examples after each epoch, and how groups of these fare."""
