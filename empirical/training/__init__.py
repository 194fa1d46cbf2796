"""Training on many subsets: the job, its trials, where they are kept, and who runs them."""

DTYPES = ("float16", "float32")  # that scores other than "correct" are kept in
EXECUTORS = ("processes", "dask")
SHARD = 64  # trials trained and written at a time
