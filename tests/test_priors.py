"""Priors: compression that loses nothing, names that read back, errors that say what to do, and one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tables import lists, wide_lists

from longtail import (
    ArgumentError,
    Gamma,
    Geometric,
    Listed,
    LogNormal,
    Mixture,
    Pareto,
    Prior,
    Problem,
    Ranked,
    Uniform,
    Zipf,
    exact,
    parse,
)

pytestmark = pytest.mark.kernels

LONG = [
    Zipf(alpha=0.5, size=50_000),
    Zipf(alpha=1, size=50_000),
    Zipf(alpha=2, size=50_000),
    Zipf(alpha=5, size=50_000),
    Geometric(ratio=0.999, size=50_000),
    Geometric(ratio=0.5, size=50_000),
    LogNormal(sigma=1, size=50_000),
    LogNormal(sigma=3, size=50_000),
    Pareto(shape=0.5, size=50_000),
    Pareto(shape=3, size=50_000),
]


@pytest.mark.parametrize("prior", LONG, ids=repr)
def test_nodes_sum_like_the_list(prior: Prior) -> None:
    """Σ v^k e^{−rv} over the nodes and over all entries, from where r touches only the head to where it reaches the end."""
    nodes = prior.nodes()
    assert len(nodes.count) < 1_000
    assert nodes.count.sum() == pytest.approx(prior.size, rel=1e-14)
    value = np.exp(nodes.log_value - nodes.log_value.max())
    entries = prior.entries() / prior.entries()[0]
    for r in 10.0 ** np.arange(-2, 10):
        for k in (0, 1, 2, 10):
            plain = (entries**k * np.exp(-r * entries)).sum()
            if plain > 1e-250:
                assert nodes.count @ (value**k * np.exp(-r * value)) == pytest.approx(plain, rel=1e-12), (r, k)


def test_a_trillion_entries_cost_a_few_hundred_nodes() -> None:
    for prior in (Zipf(alpha=1, size=10**12), Zipf(alpha=2, size=10**12), LogNormal(sigma=2, size=10**12)):
        nodes = prior.nodes()
        assert len(nodes.count) < 1_000
        assert nodes.count.sum() == pytest.approx(10**12, rel=1e-14)
    harmonic = Zipf(alpha=1, size=10**12).nodes()
    truth = np.log(10**12) + np.euler_gamma + 0.5e-12
    assert harmonic.count @ np.exp(harmonic.log_value) == pytest.approx(truth, rel=1e-14)


def test_many_distinct_counts_are_compressed(data: Path) -> None:
    prior = Listed(file=str(data / "frequencies/cities.txt"))
    nodes = prior.nodes()
    assert len(nodes.count) < 400 < prior.size
    entries = prior.entries()
    value = np.exp(nodes.log_value - nodes.log_value.max())
    for r in 10.0 ** np.arange(-2, 8):
        assert nodes.count @ np.exp(-r * value) == pytest.approx(np.exp(-r * entries).sum(), rel=1e-12)


@pytest.mark.parametrize("prior", [*lists(6), *wide_lists(6), Gamma(shape=0.5, size=6), LONG[0]], ids=repr)
def test_the_repr_is_the_name(prior: Prior) -> None:
    assert parse(repr(prior)) == prior
    assert hash(parse(repr(prior))) == hash(prior)


@pytest.mark.parametrize("prior", [*LONG[:8:2], Listed([1.0 + k % 7 for k in range(500)])], ids=repr)
def test_between_cuts_the_list_where_told(prior: Prior) -> None:
    log_value = np.log(prior.entries()) + prior.nodes().log_value.max()
    low, high = np.quantile(log_value, [0.2, 0.7])
    inside = prior.between(low, high)
    kept = log_value[(log_value >= low) & (log_value < high)]
    assert inside.count.sum() == pytest.approx(len(kept), abs=2.5)
    assert inside.count @ np.exp(inside.log_value) == pytest.approx(
        np.exp(kept).sum(), rel=2e-3 if len(kept) > 100 else 1e-9
    )


def test_mixture_scales_its_parts_to_mean_one() -> None:
    prior = Mixture(parts=((0.25, Zipf(alpha=1, size=10)), (0.75, Geometric(ratio=0.5, size=30))), size=40)
    entries = prior.entries()
    assert len(entries) == 40
    assert entries.mean() == pytest.approx(1)
    nodes = prior.nodes()
    assert nodes.count @ np.exp(nodes.log_value) == pytest.approx(40, rel=1e-13)
    draws = prior.sample(np.random.default_rng(0), (200_000,))
    assert abs(draws.mean() - 1) / (draws.std() / np.sqrt(len(draws))) < 5
    of_laws = Mixture(parts=((0.5, Gamma(shape=2, size=5)), (0.5, Uniform(size=1))), size=10)
    draws = of_laws.sample(np.random.default_rng(0), (200_000,))
    assert abs(draws.mean() - 1) / (draws.std() / np.sqrt(len(draws))) < 5


def test_counts_are_read_from_lines_columns_and_nothing_else(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("3\n1\n\n2\n")
    table = tmp_path / "table.csv"
    table.write_text('word,count,rank\n"a, b",3,1\nthe,1,2\nof,2,3\n')
    assert Listed(file=str(plain)) == Listed([1, 2, 3]) == Listed(file=str(table), column="count")
    assert repr(Listed(file=str(table), column="count")).startswith(
        f"Listed(file={str(table)!r}, column='count', digest="
    )
    plain.write_text("3\n1\n5\n")
    with pytest.raises(ArgumentError, match="digest"):
        Listed(file=str(plain), digest=Listed([1, 2, 3]).digest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("3\nmany\n", r"'many' in row 2 of .*give one positive number a line"),
        ("3\n-1\n", "got -1 as entry 2; give positive"),
        ("0\n", "got 0 as entry 1; give positive"),
        ("nan\n", "positive, finite"),
        ("a,b\n1,2\n", "2 numeric columns; name one"),
        ("a,b\nx,y\n", "no number; give one count a line"),
        ("count\n", "a header and no counts"),
    ],
)
def test_bad_counts(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "counts.txt"
    file.write_text(text)
    with pytest.raises(ArgumentError, match=message):
        Listed(file=str(file))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Zipf(alpha=-1, size=10)", r"alpha: got -1; give a number in \[0, 1000\]"),
        ("Zipf(alpha=nan, size=10)", "alpha: got nan"),
        ("Zipf(alpha=1, size=0)", "size: got 0"),
        ("Zipf(alpha=1, size=1.5)", "size: got 1.5"),
        ("Zipf(alpha=1)", r"write Zipf\(alpha=..., size=...\)"),
        ("Geometric(ratio=1, size=10)", r"ratio: got 1; give a number in \(0, 1\)"),
        ("LogNormal(sigma=-1, size=10)", "sigma: got -1"),
        ("Pareto(shape=0, size=10)", "shape: got 0"),
        ("Gamma(shape=0, size=10)", "shape: got 0"),
        ("TwoLevel(common=1, rare=1, ratio=2)", "ratio: got 2"),
        ("Mixture(parts=((0.5, Uniform(3)),), size=6)", "weights: got 0.5; give weights that sum to 1"),
        ("Mixture(parts=3, size=6)", "parts: got 3"),
        ("Listed([])", "values: got no frequencies"),
        ("Listed([1, 'a'])", "give an array of numbers"),
        ("Listed(file='/nowhere.txt')", "counts: got /nowhere.txt; No such file"),
        ("Poisson(3)", "give one of Zipf, Uniform"),
        ("os.getcwd()", "os is a module of Python's own"),
        ("longtail.infer.main()", "give a subclass of longtail.Prior"),
        ("nowhere.Mine(1)", "cannot be imported"),
        ("__import__('os')", "give one of"),
        ("Zipf(alpha=(lambda: 1)(), size=3)", r"call nothing but Name\(...\)"),
        ("Zipf(alpha=[x for x in y], size=3)", "write numbers, strings, lists and calls only"),
        ("3", "write it as a call"),
        ("Zipf(", "write it as a call"),
    ],
)
def test_bad_names(spec: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parse(spec)


@dataclass(frozen=True)
class Shifted(Ranked):
    """A user's prior, from outside the package: v_k = 1/(k + shift)."""

    shift: float
    size: int

    def log_value(self, rank: np.ndarray) -> np.ndarray:
        return np.asarray(-np.log(rank + self.shift))


def test_a_prior_of_ones_own() -> None:
    mine, listed = Shifted(shift=2.5, size=2_000), Listed(1 / (np.arange(1, 2_001) + 2.5))
    assert parse("test_priors.Shifted(shift=2.5, size=2000)").size == 2_000
    for mode in ("random", "fixed"):
        a, b = (exact.cost(Problem(p, 1_000, mode=mode)) for p in (mine, listed))  # type: ignore[arg-type]
        assert a.value == pytest.approx(b.value, rel=1e-11)
