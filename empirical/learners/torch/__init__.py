"""PyTorch nets as learners (extra ``torch``): a module of the user's own, and a few of ours, one file each."""
