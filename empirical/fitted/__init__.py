"""What an estimator that was fitted tells: influences, wrong labels, and results as a run's folder, theory and report."""
