"""``python -m empirical.turnover``: what it writes, what it refuses, and that it goes on where it was stopped."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from empirical import estimate, turnover
from empirical.data.data import Data
from empirical.data.load import load
from empirical.data.relabeled import relabeled
from empirical.dynamics import run
from empirical.dynamics.influence import Probes
from empirical.dynamics.net import AUTHORS
from empirical.dynamics.parse import parse_net
from empirical.dynamics.store import Identity, Nets
from empirical.dynamics.training import Trainer
from empirical.report import turnover_figures
from longtail.core import ArgumentError
from longtail.core.arrays import Device

COLUMNS = (
    "index", "label", "epoch", "memorization_loss", "memorization_loss_stderr", "memorization", "memorization_stderr",
)  # fmt: skip
NET = "Net(widths=(12, 9), epochs=6, batch=16)"
SMALL = ("--net", NET, "--epochs-at", "1,4,6", "--seeds", "3")


@pytest.fixture
def source(small: Data, tmp_path: Path) -> Path:
    parts = {"X_train": small.x_train, "y_train": small.y_train, "X_test": small.x_test, "y_test": small.y_test}
    np.savez(tmp_path / "small.npz", **parts)
    return tmp_path / "small.npz"


def told(capsys: Any, *arguments: Any) -> tuple[int, str, str]:
    code = turnover.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def files(folder: Path) -> dict[str, bytes]:
    """What a run is judged by: all but what has the time or the command in it."""
    kinds = (".csv", ".npz", ".png")
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.suffix in kinds}


def test_it_writes_what_it_says(capsys: Any, tmp_path: Path, source: Path) -> None:
    out = tmp_path / "run"
    code, printed, err = told(
        capsys, source, *SMALL, "--noise", 0.3, "--out", out, "--json", "--influence", "--tests", 7
    )
    assert code == 0
    summary, table = json.loads(printed), pd.read_csv(out / "turnover.csv")
    assert tuple(table.columns) == (*COLUMNS, "true_label")
    assert len(table) == 3 * 90
    assert table["epoch"].unique().tolist() == [1, 4, 6]
    for row in summary["epochs"]:
        some = table[table["epoch"] == row["epoch"]]
        for name in ("memorization", "memorization_loss"):
            assert row[name] == pytest.approx(some[name].mean())
        assert row["own_accuracy"] - row["flipped_accuracy"] == pytest.approx(row["memorization"])
        assert row["memorization_changed"] == pytest.approx(
            some["memorization"][some["label"] != some["true_label"]].mean()
        )
    assert 0 < (table["label"] != table["true_label"]).mean() < 0.35
    assert summary.items() <= json.loads((out / "turnover.json").read_text()).items()
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        assert (out / f"turnover.{kind}").read_bytes().startswith(start)
    drawn = (out / "turnover.png").read_bytes()
    turnover_figures.write(out, str(source), 3)
    assert (out / "turnover.png").read_bytes() == drawn
    assert "3 of 3 nets" in err
    assert not list(out.rglob(".*"))

    data = relabeled(load(source).data, 0.3, others=False).data
    trainer = Trainer.of(parse_net(NET), data)
    with np.load(out / "influence.npz") as kept:
        assert kept["tests"].tolist() == list(range(7))
        assert kept["epochs"].tolist() == [1, 4, 6]
        assert kept["influence"].dtype == np.float32
        each = [
            Probes.of(trainer, s, trainer.parameters(s, (4,))[0], data.x_test[:7], data.y_test[:7]).influence().T
            for s in range(3)
        ]
        np.testing.assert_allclose(kept["influence"][1], np.mean(each, 0), atol=1e-5)
        np.testing.assert_allclose(kept["stderr"][1], np.std(each, 0, ddof=1) / np.sqrt(3), atol=1e-5)
        pairs = pd.read_csv(out / "influence.csv").set_index(["epoch", "pairs_of"])
        same = data.y_test[:7, None] == data.y_train
        for at, epoch in enumerate((1, 4, 6)):
            for kind, chosen in (("own class", same), ("other classes", ~same)):
                row, value = pairs.loc[epoch, kind], np.sort(kept["influence"][at][chosen].astype(float))
                each = [
                    np.mean(line[some]) for line, some in zip(kept["influence"][at], chosen, strict=True) if some.any()
                ]
                assert row["pairs"] == chosen.sum()
                assert row["mean"] == pytest.approx(np.mean(each), abs=1e-6)
                assert row["stderr"] == pytest.approx(np.std(each, ddof=1) / np.sqrt(len(each)), rel=1e-4)
                # a thousandth of fewer than a thousand pairs is one
                assert row["strongest"] == pytest.approx(value[-1])
                assert row["noise"] == pytest.approx(np.sqrt(np.mean(kept["stderr"][at][chosen] ** 2)), rel=1e-4)
    assert (out / "influence.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name[:4] for p in (out / "nets").iterdir()) == ["iden", "seed", "seed", "seed"]


def test_groups_of_a_column_have_curves_and_one_mask(
    capsys: Any, tmp_path: Path, small: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever trains and however many; without --one-mask masks are others (the control)."""
    rows = pd.DataFrame(np.concatenate([small.x_train, small.x_test]).astype(float))
    rows["label"], rows["writer"] = np.append(small.y_train, small.y_test), [f"w{k % 4}" for k in range(130)]
    table = tmp_path / "rows.csv"
    rows.to_csv(table, index=False)
    asked = (table, *SMALL, "--test-fraction", 0.3, "--groups", "writer", "--influence", "--tests", 5)
    for name, more in (("one", ()), ("two", ("--workers", 2))):
        assert told(capsys, *asked, "--one-mask", *more, "--out", tmp_path / name)[0] == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    summary, asked = json.loads((tmp_path / "one" / "turnover.json").read_text()), (*asked, "--no-plot")
    assert summary["masks"] == 4
    groups, each = (pd.read_csv(tmp_path / "one" / f"{name}.csv") for name in ("groups", "turnover"))
    assert groups["group"].tolist() == ["w0", "w1", "w2", "w3"] * 3
    whose = each["id"]
    for row in groups.to_dict("records"):
        own = each[(whose == row["group"]) & (each["epoch"] == row["epoch"])]
        assert row["examples"] == len(own)
        assert row["memorization"] == pytest.approx(own["memorization"].mean())
        assert row["norm_stderr"] > 0
    assert pd.read_csv(tmp_path / "one" / "speeds.csv")["group"].tolist() == ["w0", "w1", "w2", "w3"]
    with np.load(tmp_path / "one" / "influence.npz") as kept:
        first = whose[: len(whose) // 3] == "w0"
        of_group = kept["influence"][0][:, first]
        assert (of_group == of_group[:, :1]).all()
    assert (tmp_path / "one" / "groups.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr("empirical.courses.groups.MOST", 3)  # too many to draw: masks all the same, and no old curves
    assert "no curves by group: there are 4" in told(capsys, *asked, "--one-mask", "--out", tmp_path / "two")[2]
    assert not (tmp_path / "two" / "groups.csv").exists()
    assert (tmp_path / "two" / "turnover.csv").read_bytes() == (tmp_path / "one" / "turnover.csv").read_bytes()
    monkeypatch.undo()
    code, printed, _ = told(capsys, *asked, "--out", tmp_path / "apart")
    assert code == 0
    assert "half-learned" in printed or "not half-learned" in printed
    with np.load(tmp_path / "apart" / "influence.npz") as kept:
        apart = kept["influence"][0][:, first]
        assert (apart != apart[:, :1]).any()


def test_groups_by_class_noise_and_a_run(capsys: Any, tmp_path: Path, source: Path) -> None:
    def names(*options: Any) -> list[str]:
        code, printed, _ = told(capsys, source, *SMALL, *options, "--json", "--quiet")
        assert code == 0
        return [row["group"] for row in json.loads(printed)["speeds"]]

    assert names() == names("--groups", "labels", "--noise", 0.3) == ["0", "1", "2"]
    assert names("--noise", 0.3) == names("--noise", 0.3, "--groups", "noise") == ["as given", "relabeled"]
    run_of = tmp_path / "estimated"
    assert (
        estimate.main(
            [str(source), "--trials", "40", "--learner", "ridge()", "--out", str(run_of), "--quiet", "--no-plot"]
        )
        == 0
    )
    capsys.readouterr()
    assert names("--groups", run_of) == ["easy", "middle", "hard"]
    other = tmp_path / "other"
    assert estimate.main(["planted", "--n", "90", "--trials", "8", "--out", str(other), "--quiet", "--no-plot"]) == 0
    capsys.readouterr()
    code, _, err = told(capsys, source, *SMALL, "--groups", other, "--quiet")
    assert (code, err.count("\n")) == (2, 1)
    assert "it is a run on other data" in err


def test_it_prints_a_table_and_with_quiet_nothing_else(capsys: Any, source: Path) -> None:
    code, printed, err = told(capsys, source, *SMALL, "--quiet")
    assert (code, err) == (0, "")
    assert "90 training and 40 test examples, 3 nets" in printed
    assert "test accuracy" in printed
    single = json.loads(told(capsys, source, "--net", NET, "--seeds", 1, "--json", "--quiet")[1])
    assert [row["epoch"] for row in single["epochs"]] == [1, 2, 5, 6]


@pytest.mark.kernels
def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(
    capsys: Any, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in training and in influence; then with a net missing, one damaged and one of more seeds."""
    asked = (source, *SMALL, "--no-plot", "--influence")
    assert told(capsys, *asked, "--out", tmp_path / "whole")[0] == 0
    whole = files(tmp_path / "whole")
    for name, after in (("scored", 2), ("averaged", 1)):
        real, calls = getattr(run, name), 0

        def stops(*given: Any, real: Any = real, after: int = after) -> Any:
            nonlocal calls
            calls += 1
            if calls > after:
                raise KeyboardInterrupt
            return real(*given)

        with monkeypatch.context() as patch:
            patch.setattr(run, name, stops)
            code, _, err = told(capsys, *asked, "--out", tmp_path / "stopped")
        assert code == 130
        assert "goes on from there" in err
        assert len(list((tmp_path / "stopped" / "nets").glob("seed-*.npz"))) == (2 if name == "scored" else 3)
        assert not (tmp_path / "stopped" / "influence.npz").exists()
    assert len(list((tmp_path / "stopped" / "nets").glob("influence-*.npz"))) == 1
    assert told(capsys, *asked, "--out", tmp_path / "stopped")[0] == 0
    assert files(tmp_path / "stopped") == whole

    nets = sorted((tmp_path / "stopped" / "nets").glob("seed-*.npz"))
    nets[0].unlink()
    nets[1].write_bytes(nets[1].read_bytes()[:-200])
    nets[2].write_bytes(nets[2].read_bytes().replace(b"\0\0\0\0", b"\0\1\0\0", 60))
    code, _, err = told(capsys, *asked, "--out", tmp_path / "stopped")
    assert code == 0
    assert err.count("is damaged") == 2
    assert files(tmp_path / "stopped") == whole

    first = [p.read_bytes() for p in nets]
    assert told(capsys, *asked[:-1], "--seeds", 4, "--out", tmp_path / "stopped")[0] == 0
    assert [p.read_bytes() for p in nets] == first
    assert len(pd.read_csv(tmp_path / "stopped" / "turnover.csv")) == 270


def test_nothing_half_written_stays(capsys: Any, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Any, **_: Any) -> None:
        file.write(b"PK half of a net")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("empirical.dynamics.store.np.savez", full)
    code, _, err = told(capsys, source, *SMALL, "--out", tmp_path / "run", "--quiet")
    assert code == 1
    assert "free some and run the same command again" in err
    assert [p.name for p in (tmp_path / "run").rglob("*") if p.is_file()] == ["identity.json"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--net", "Net(masks=Masks(kept=0))"), "kept: got 0; give a number in (0, 1)"),
        (("--net", "Net(masks=Masks(kept=1.5))"), "kept: got 1.5; give a number in (0, 1)"),
        (("--net", "Net(widths=())"), "widths: got (); turn-over dropout masks hidden units"),
        (("--net", "knn"), "--net: got knn; it has no hidden units"),
        (("--net", "Net(masks=Net())"), "masks: got Net("),
        (("--net", "Masks()"), "--net: got Masks(); give Net("),
        (("--net", "Net(depth=3)"), "--net: got Net; it raised TypeError"),
        (("--epochs-at", "1,40"), "--epochs-at: got 40; give a whole number from 1 to 20; the net is trained for 20"),
        (("--epochs-at", "0"), "--epochs-at: got 0"),
        (("--epochs-at", "2,1"), "--epochs-at: got (2, 1)"),
        (("--epochs-at", "2,x"), "--epochs-at: got 2,x; give whole numbers"),
        (("--seeds", "0"), "--seeds: got 0"),
        (("--seed", str(2**64 - 1)), "--seed: got 18446744073709551615; 8 seeds from there on"),
        (("--noise", "1.5"), "--noise: got 1.5"),
        (("--workers", "0"), "--workers: got 0"),
        (("--device", "mps"), "device: got mps; give auto, cpu or gpu"),
        (("--store", "s3://"), "--store: got s3://; give a folder, or a bucket"),
        (("--groups", "writer"), "--groups: got "),
        (("--groups", "noise"), "--groups: got noise; labels are all of one kind"),
        (("--groups", "empty"), "--groups: got "),
        (("--one-mask",), "--one-mask: got no --groups"),
        (("--influence",), "--influence: got no --out"),
        (("--tests", "3"), "--tests: got 3; it is how many tests --influence is of"),
        (("--influence", "--out", "run", "--tests", "99"), "--tests: got 99; give a whole number from 1 to 40"),
    ],
)
def test_bad_input_is_one_line(
    capsys: Any, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    code, out, err = told(capsys, source, *options, "--quiet")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_gpu_has_no_workers_beside(capsys: Any, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It trains many nets at once, in this process: asked for more, it says so and does not leave them out quietly."""
    monkeypatch.setattr("longtail.core.arrays.device", lambda choice: Device("gpu", f"{choice}, a stand-in"))
    for more in (("--workers", "2"), ("--scheduler", "local:2")):
        code, out, err = told(capsys, source, *SMALL, "--device", "auto", *more, "--quiet")
        assert (code, out) == (2, "")
        assert f"{more[0]}: got {more[1]}; on a GPU nets are trained many at once, here" in err


def test_masks_that_changed_since_are_refused(capsys: Any, tmp_path: Path, source: Path) -> None:
    """By the folder, and by a file that was put there; nothing is written over."""
    here, there = tmp_path / "here", tmp_path / "there"
    other = NET.replace("epochs", "masks=Masks(kept=0.4), epochs")
    assert told(capsys, source, *SMALL, "--out", here)[0] == 0
    assert told(capsys, source, *SMALL, "--net", other, "--out", there)[0] == 0
    before = files(here)
    for changed in (("--net", other), ("--noise", 0.2), ("--epochs-at", "1")):
        code, _, err = told(capsys, source, *SMALL, *changed, "--out", here, "--quiet")
        assert code == 2
        assert "nets of another run are there (" in err
        assert err.count("\n") == 1
    assert files(here) == before
    name = next((here / "nets").glob("seed-*.npz"))
    name.write_bytes((there / "nets" / name.name).read_bytes())
    code, _, err = told(capsys, source, *SMALL, "--out", here, "--quiet")
    assert code == 2
    assert "whose masks were others" in err
    (here / "nets" / "identity.json").unlink()
    assert "no identity.json" in told(capsys, source, *SMALL, "--out", here, "--quiet")[2]


def test_a_net_is_read_from_its_name() -> None:
    for one in (AUTHORS, replace(AUTHORS, biases=True)):
        assert parse_net(repr(one)) == one
    assert parse_net("authors") == AUTHORS


@dataclass
class Elsewhere:
    """Who gets the work, and gives back, as another process does; ``before`` and ``after`` each net something may happen."""

    before: Callable[[int], object] = lambda seed: None
    after: Callable[[int], object] = lambda seed: None
    workers: int = 1
    back: list[tuple[int, int]] = field(default_factory=list)

    def map(self, work: Callable[[int], Any], numbers: Sequence[int]) -> Generator[Any, None, None]:
        for number in numbers:
            self.before(number)
            given = pickle.dumps(pickle.loads(pickle.dumps(work))(number))
            self.after(number)
            self.back.append((number, len(given)))
            yield pickle.loads(given)


def test_who_trains_a_net_keeps_it_and_sends_back_that_it_is_there(small: Data, tmp_path: Path) -> None:
    trainer, epochs = Trainer.of(parse_net(NET), small), (1, 4, 6)
    reading = lambda seed, parameters: float(parameters.sum())  # noqa: E731 - it need not be sent
    kept = {name: Nets.open(tmp_path / name, Identity.of(trainer, small, epochs)) for name in ("here", "there")}
    here, _ = run.trained(trainer, small, range(3), epochs, kept["here"])
    there = tmp_path / "there"

    def lose(seed: int) -> None:
        if seed == 1 and not lost:
            lost.append((there / kept["there"].name(1)).write_bytes(b"cut short"))

    def quicker(seed: int) -> None:
        if seed == 2:  # another run on the folder
            (there / kept["there"].name(2)).write_bytes((tmp_path / "here" / kept["there"].name(2)).read_bytes())
            times.append((there / kept["there"].name(2)).stat().st_mtime_ns)

    lost: list[int] = []
    times: list[int] = []
    workers = Elsewhere(quicker, lose)
    found, _ = run.trained(trainer, small, range(3), epochs, kept["there"], executor=workers)
    assert [seed for seed, _ in workers.back] == [0, 1, 2, 1]
    assert max(size for _, size in workers.back) < 200
    assert (there / kept["there"].name(2)).stat().st_mtime_ns == times[0]
    assert files(there) == files(tmp_path / "here")
    for name in ("loss", "right", "loss_test", "right_test"):
        np.testing.assert_array_equal(getattr(found, name), getattr(here, name))
    read = [run.trained(trainer, small, range(3), epochs, one, reading=reading)[1] for one in (kept["there"], None)]
    assert read[0] == read[1]
    shutil.rmtree(there)
    with pytest.raises(ArgumentError, match="does not see it: give a folder that all workers share"):
        run.trained(trainer, small, range(3), epochs, kept["there"], executor=Elsewhere())
