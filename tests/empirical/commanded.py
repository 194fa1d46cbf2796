"""``python -m empirical.estimate`` in this process: its exit code and what it printed."""

from empirical.estimate import main

SMALL = ("planted", "--n", "120", "--trials", "96", "--shard", "16", "--no-plot")


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err
