"""What theory predicts of an experiment that trains on subsets: memorization, influence, removal, error against n."""
