"""Models of Hugging Face's on disk: the loop that one would write, adapters as peft's, and no code of a stranger's run."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empirical import SubsetEstimator
from empirical import estimate as command
from empirical.data.data import Data
from empirical.data.texts import Texts
from empirical.designs import Fixed
from empirical.learners import HuggingFace
from empirical.learners.fingerprint import named
from empirical.learners.parse import parse_learner
from empirical.training.job import Job
from empirical.training.run import run
from longtail.core import ArgumentError
from longtail.philox import LEARNER, words

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
from torch.nn import functional  # noqa: E402

WORDS = [f"w{k}" for k in range(40)]
LONGEST, SPREAD = 16, 0.2


def tokenizer() -> Any:
    """One number a word, between two marks."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    marks = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    made = Tokenizer(models.WordLevel({**marks, **{w: 4 + k for k, w in enumerate(WORDS)}}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **named)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT without a last layer, as a pretrained one is."""
    path = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    sizes |= {"max_position_embeddings": LONGEST, "initializer_range": SPREAD}  # larger than usual: it learns sooner
    config = transformers.BertConfig(vocab_size=44, **sizes)
    transformers.BertModel(config).save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def data() -> Data:
    """Words at random with labels at random: what fits them has memorized them."""
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 9))) for _ in range(40)]
    parts = Texts.of(texts[:28]), Texts.of(texts[28:])
    y = np.arange(40) % 3
    return Data(np.zeros((28, 1)), y[:28], np.zeros((12, 1)), y[28:], ("a", "b", "c"), parts)


@pytest.fixture
def other(folder: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(folder, tmp_path / "other"))


def net(folder: Path, **options: Any) -> HuggingFace:
    return HuggingFace(str(folder), **{"length": LONGEST, "batch": 8, "epochs": 2, **options})


def subset(data: Data, count: int = 1) -> Any:
    return Fixed(0.7).subsets(3, np.arange(count), data.n, data.y_train)


def test_a_trial_is_the_loop_that_one_would_write(folder: Path, data: Data) -> None:
    """Batches filled up by transformers' own tokenizer; the last layer and the order by the trial's number."""
    mask = subset(data, 5)[4]
    found = np.hstack(net(folder, rate=1e-2).prepare(data, "loss", seed=7)(mask[None], np.array([4])))[0]

    model = transformers.BertForSequenceClassification.from_pretrained(folder, num_labels=3)
    own = int(words(7, LEARNER, 4, 0, 1)[0])
    torch.manual_seed(own)
    with torch.no_grad():
        model.classifier.weight.normal_(0, SPREAD)
        model.classifier.bias.zero_()
    every, read = [*data.texts[0], *data.texts[1]], tokenizer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.999), weight_decay=0.01)
    chance, members = torch.Generator().manual_seed(own), torch.as_tensor(np.flatnonzero(mask))
    steps = -(-len(members) // 8)
    model.train()
    for epoch in range(2):
        order = members[torch.randperm(len(members), generator=chance)]
        for step in range(steps):
            some = order[8 * step : 8 * step + 8]
            optimizer.param_groups[0]["lr"] = 1e-2 * (1 - (epoch * steps + step) / (2 * steps))
            batch = read(
                [every[i] for i in some], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
            )
            optimizer.zero_grad()
            functional.cross_entropy(model(**batch).logits, torch.as_tensor(data.y_train)[some]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        alone = torch.cat([model(**read([text], return_tensors="pt")).logits for text in every])  # nothing is filled up
    y = torch.as_tensor(np.append(data.y_train, data.y_test))
    np.testing.assert_allclose(found, functional.cross_entropy(alone, y, reduction="none"), rtol=1e-4, atol=1e-5)
    assert found.std() > 0.05


@pytest.mark.parametrize("options", [{}, {"lora": 2}, {"pretrained": False}])
def test_a_trial_does_not_depend_on_its_block_or_on_who_loaded_the_model(
    folder: Path, data: Data, options: dict[str, Any]
) -> None:
    masks, learner = subset(data, 3), net(folder, rate=1e-2, **options)
    together = learner.prepare(data, "loss", seed=1)(masks, np.arange(3))
    for k in (2, 0):
        other = replace(learner, epochs=3).prepare(data, "loss")  # another model is the one in memory then
        other(masks[:1], np.arange(1))
        alone = learner.prepare(data, "loss", seed=1)(masks[k : k + 1], np.array([k]))
        assert all(np.array_equal(a[0], b[k]) for a, b in zip(alone, together, strict=True))
    assert not np.array_equal(together[1][0], together[1][1])


@pytest.mark.parametrize("options", [{}, {"lora": 8}, {"pretrained": False}])
def test_they_memorize_labels_at_random(folder: Path, data: Data, options: dict[str, Any]) -> None:
    trials = run(Job(data, net(folder, epochs=60, batch=4, rate=1e-2, **options), Fixed(0.7)), 2)
    masks, right = trials.masks(), trials.train_scores(slice(0, data.n))
    assert right[masks].mean() >= 0.99
    n, share = (~masks).sum(), right[~masks].mean()
    assert abs(share - 1 / 3) < 5 * np.sqrt(2 / 9 / n) + 1 / 9  # those of two classes are a little commoner outside


def test_adapters_leave_the_model_as_it_was(folder: Path, data: Data) -> None:
    whole, low = (net(folder, rate=1e-2, **given).prepare(data, seed=2) for given in ({}, {"lora": 2}))
    before = transformers.BertModel.from_pretrained(folder).state_dict()
    mask = subset(data)[0]
    (full,), (thin,) = (list(t.nets(mask, 0, (2,))) for t in (whole, low))
    kept = {k.replace(".inside", "").removeprefix("model.bert."): w for k, w in thin.state_dict().items()}
    assert all(torch.equal(kept[name], w) for name, w in before.items())
    changed = [not torch.equal(full.state_dict()[f"model.bert.{name}"], w) for name, w in before.items()]
    assert np.mean(changed) > 0.9
    learned = {name for name, w in thin.named_parameters() if w.requires_grad}
    assert all(name.rpartition(".")[0].endswith((".a", ".b", ".classifier")) for name in learned)
    assert len(learned) == 2 * 7 + 2  # query, key, value, three dense layers, the pooler's


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_adapters_are_those_of_peft(kind: str) -> None:
    """Its numbers put into ours give its values, and its count of what is trained."""
    peft = pytest.importorskip("peft", reason="peft is not installed")
    from empirical.learners.torch.lora import Adapted, adapt

    def fresh() -> Any:
        torch.manual_seed(1)
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        if kind == "bert":
            return transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=44, **sizes)).eval()
        ends = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
        config = transformers.GPT2Config(vocab_size=44, n_embd=16, n_layer=2, n_head=2, **ends)
        return transformers.GPT2ForSequenceClassification(config).eval()

    batch = {"input_ids": torch.arange(4, 24).reshape(4, 5), "attention_mask": torch.ones(4, 5, dtype=torch.int64)}
    ours, plain = fresh(), fresh()
    adapt(ours, 3, {"classifier.weight", "classifier.bias", "score.weight"})
    with torch.no_grad():
        assert torch.equal(ours(**batch).logits, plain(**batch).logits)  # B begins at 0
    layers = [layer for layer in ours.modules() if isinstance(layer, Adapted)]
    with torch.no_grad():
        for layer in layers:
            layer.b.weight.normal_()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that peft calls and transformers is to give up
        config = peft.LoraConfig(task_type="SEQ_CLS", r=3, lora_alpha=6, target_modules="all-linear")
        theirs = peft.get_peft_model(fresh(), config).eval()
    low = [layer for layer in theirs.modules() if hasattr(layer, "lora_A") and len(layer.lora_A)]
    assert len(low) == len(layers)
    with torch.no_grad():
        for a, b in zip(layers, low, strict=True):
            b.lora_A["default"].weight.copy_(a.a.weight)
            b.lora_B["default"].weight.copy_(a.b.weight)
        torch.testing.assert_close(ours(**batch).logits, theirs(**batch).logits)
        assert not torch.allclose(ours(**batch).logits, plain(**batch).logits)
    counts = [sum(w.numel() for w in model.parameters() if w.requires_grad) for model in (ours, theirs)]
    assert counts[0] == counts[1]


class Trap:
    """What a pickle does when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def test_a_strangers_code_is_not_run(other: Path, tmp_path: Path, data: Data) -> None:
    marker, kept = tmp_path / "ran", {path.name: path.read_bytes() for path in other.iterdir()}

    def refused(match: str, **options: Any) -> None:
        with pytest.raises(ArgumentError, match=match):
            net(other, **options)
        assert not marker.exists()
        for path in other.iterdir():
            path.unlink()
        for name, raw in kept.items():
            (other / name).write_bytes(raw)

    def told(name: str, **changes: Any) -> None:
        (other / name).write_text(json.dumps({**json.loads(kept[name]), **changes}))

    raw = pickle.dumps(Trap(marker))
    pickle.loads(raw)
    assert marker.exists()  # it would
    marker.unlink()
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    (other / "pytorch_model.bin").write_bytes(raw)
    refused("pickles are not opened")
    (other / "pytorch_model.bin").write_bytes(raw)
    (other / "model.safetensors").unlink()
    refused("pickles are not opened")
    (other / "model.safetensors").unlink()
    refused("without .safetensors")
    for name in ("config.json", "tokenizer_config.json"):
        (other / "theirs.py").write_text(code)
        told(name, auto_map={"AutoConfig": "theirs.C", "AutoModelForSequenceClassification": "theirs.M"})
        refused("names code of its own")
    told("config.json", text_config={"inside": [{"auto_map": "theirs.C"}]})
    refused("names code of its own")
    told("config.json", attn_implementation="stranger/kernels")
    refused("code from elsewhere")
    (other / "adapter_config.json").write_text("{}")
    refused("adapters")
    index = {"weight_map": {"a": "pytorch_model-1.bin"}}
    (other / "model.safetensors.index.json").write_text(json.dumps(index))
    refused("pickles are not opened")
    (other / "model.safetensors").write_bytes(raw)
    with pytest.raises(ArgumentError, match="cannot be read"):
        net(other).prepare(data)(subset(data), np.array([0]))
    assert not marker.exists()


def test_a_name_is_looked_up_in_the_cache_and_nothing_is_fetched(
    folder: Path, tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something is fetched"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ArgumentError, match="it is not fetched"):
        net(Path("someone/tiny"))
    place = tmp_path / "models--someone--tiny"
    shutil.copytree(folder, place / "snapshots" / ("0" * 40))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0" * 40)
    by_name, by_path = (
        net(at).prepare(data, "loss")(subset(data), np.array([0])) for at in (Path("someone/tiny"), folder)
    )
    assert all(np.array_equal(a, b) for a, b in zip(by_name, by_path, strict=True))


def test_a_store_knows_one_model_from_another(other: Path, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    before, fresh = named(net(other)), named(net(other, pretrained=False))
    assert named(net(other)) == before
    weights = load_file(other / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][0, 0] += 1
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    assert named(net(other)) != before
    assert named(net(other, pretrained=False)) == fresh
    assert repr(parse_learner(repr(net(folder)))) == repr(net(folder))


def test_texts_are_given_as_a_list_too(folder: Path, data: Data) -> None:
    x, z = (list(part) for part in data.texts)
    found = SubsetEstimator(net(folder), models=4, shard=2, random_state=5).fit(x, data.y_train, z, data.y_test)
    expected = run(Job(data, net(folder), Fixed(0.7), seed=5, shard=2), 4)
    assert np.array_equal(found.trials_.train, expected.train)


def test_what_it_cannot_take_is_refused_in_a_line(folder: Path, data: Data) -> None:
    for options, match in (
        ({"lora": 2, "pretrained": False}, "lora"),
        ({"length": 1}, "length"),
        ({"lora": -1}, "lora"),
    ):
        with pytest.raises(ArgumentError, match=match):
            net(folder, **options)
    with pytest.raises(ArgumentError, match="reads 16 tokens"):
        net(folder, length=17).prepare(data)(subset(data), np.array([0]))
    with pytest.raises(ArgumentError, match="this learner reads"):
        net(folder).prepare(replace(data, texts=None))
    with pytest.raises(ArgumentError, match="model"):
        HuggingFace(str(folder / "elsewhere"))


def test_the_command_takes_a_saved_data_set(
    folder: Path, tmp_path: Path, data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets = pytest.importorskip("datasets", reason="the library that saves such folders is not installed")
    columns = {"text": [*data.texts[0], *data.texts[1]], "label": [int(y) for y in (*data.y_train, *data.y_test)]}
    datasets.Dataset.from_dict(columns).save_to_disk(tmp_path / "texts")
    learner = f"HuggingFace(model={str(folder)!r}, lora=2, epochs=1, length=16)"
    arguments = [str(tmp_path / "texts"), "--learner", learner, "--trials", "3", "--json", "--quiet"]
    assert command.main(arguments) in (0, None)
    summary = json.loads(capsys.readouterr().out)
    assert summary["learner"].startswith("HuggingFace(epochs=1")
    assert command.main(["digits", *arguments[1:]]) == 2
    assert "this learner reads" in capsys.readouterr().err
