"""A model of words that is on disk as Hugging Face's ``transformers`` saved it (extra ``huggingface``), trained on
to classify texts.

    python -m empirical.estimate FOLDER --learner "HuggingFace(model='path', lora=8, epochs=3)"

AdamW (Loshchilov & Hutter 2019) at a rate that falls linearly to 0; a text's first ``length`` tokens, filled up by batch. What
the folder lacks for these classes (a last layer, as a rule) is drawn by the trial's own number. Nothing is fetched and no code of
the folder's is run (``on_disk``). A model whose earlier training saw these very texts has memorized them before it is asked:
``pretrained=False`` trains one of the same making from nothing.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from empirical.data.data import Data
from empirical.data.texts import Texts, words
from empirical.learners.torch import on_disk
from empirical.learners.torch.net import Net
from empirical.learners.torch.tokens import Tokens
from longtail.core import ArgumentError, flag, whole
from longtail.core.opened import reading

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

RATE, LOW_RANK = 5e-5, 10  # of AdamW, as published for such models; adapters take ten times as much
SPREAD = 0.02  # standard deviation of what is drawn anew, where the model does not say


@dataclass(frozen=True)
class HuggingFace(Net):
    """``model``: a folder, or the name of one in Hugging Face's cache. ``lora``: the rank of adapters that are trained in place
    of all weights, 0 for none. ``rate`` 0 stands for 5e-5, with adapters 5e-4. ``momentum`` is AdamW's first, ``penalty`` its
    decay.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as place:  # as a model's ``save_pretrained`` leaves one
    ...     for name in ("config.json", "tokenizer.json"):
    ...         _ = (Path(place) / name).write_text("{}")
    ...     HuggingFace(place, pretrained=False, epochs=5).rate  # AdamW's, as published
    5e-05
    """

    model: str
    _: KW_ONLY
    lora: int = 0
    length: int = 128
    pretrained: bool = True
    epochs: int = 3
    batch: int = 32
    rate: float = 0.0
    penalty: float = 0.01
    # a digest of the folder's: a store knows one model from another
    content: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lora", whole("lora", self.lora, 0, 2**12))
        object.__setattr__(self, "pretrained", flag("pretrained", self.pretrained))
        object.__setattr__(self, "length", whole("length", self.length, 2, 2**16))
        if not self.rate:
            object.__setattr__(self, "rate", RATE * (LOW_RANK if self.lora else 1))
        super().__post_init__()
        if not isinstance(self.model, str):
            raise ArgumentError("model", self.model, "give the path of a folder, or a name in Hugging Face's cache")
        if self.lora and not self.pretrained:
            raise ArgumentError("lora", self.lora, "adapters leave weights as they were: give pretrained=True")
        place = on_disk.folder(self.model)
        if self.pretrained:
            on_disk.weighed(place)
        object.__setattr__(self, "content", on_disk.digest(place, self.pretrained))

    def check(self, data: Data, score: str) -> None:
        super().check(data, score)
        _texts(data)

    def inputs(self, data: Data, where: str) -> Tokens:
        place = on_disk.folder(self.model)
        most = getattr(_settings(self, data.n_classes), "max_position_embeddings", None)
        if most is not None and self.length > most:
            raise ArgumentError("length", self.length, f"the model reads {most} tokens at the most")
        filling = _settings(self, data.n_classes).pad_token_id
        return Tokens.of(list(_texts(data)), place / "tokenizer.json", self.length, filling, where)

    def module(self, shape: tuple[int, ...], n_classes: int) -> nn.Module:
        if not self.pretrained:
            made = on_disk.library().AutoModelForSequenceClassification.from_config(_settings(self, n_classes))
            return _classifier(made)
        kept, missing = _loaded(self, n_classes)
        made = copy.deepcopy(kept)
        _drawn(made, missing)
        if self.lora:
            body = {id(weight) for weight in made.base_model.parameters()}
            learned = missing | {name for name, weight in made.named_parameters() if id(weight) not in body}
            from empirical.learners.torch.lora import adapt

            adapt(made, self.lora, learned)
        return _classifier(made)

    def descent(self, net: nn.Module) -> Optimizer:
        from torch import optim

        learned = [w for w in net.parameters() if w.requires_grad]
        return optim.AdamW(learned, lr=self.rate, betas=(self.momentum, 0.999), weight_decay=self.penalty)


def _classifier(model: Any) -> nn.Module:
    """A model's decision values of a batch of tokens."""
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: Any) -> Any:
            return self.model(**batch).logits

    return Classifier()


def _texts(data: Data) -> tuple[Texts, Texts]:
    """What is read: the texts that the data were made of, or that they are."""
    if data.texts is not None:
        return data.texts
    train, test = words(data.x_train), words(data.x_test)
    if train is None or test is None:
        raise ArgumentError(
            "data", "examples that are no texts", "this learner reads: give texts, on the command line by --text"
        )
    return train, test


def _settings(net: HuggingFace, n_classes: int) -> Any:
    """The model's own, for so many classes; what fills batches up is its end, where nothing else is said."""
    place = on_disk.folder(net.model)
    auto = on_disk.library().AutoConfig
    with reading("model", place), _quiet():
        given: dict[str, Any] = {"num_labels": n_classes, "local_files_only": True, "trust_remote_code": False}
        found = auto.from_pretrained(place, **given)
    if getattr(found, "pad_token_id", None) is None:
        end = getattr(found, "eos_token_id", None)
        found.pad_token_id = end if isinstance(end, int) else 0
    return found


@functools.lru_cache(maxsize=1)
def _loaded(net: HuggingFace, n_classes: int) -> tuple[Any, frozenset[str]]:
    """The model with the folder's weights, and which parameters it has none for; no random words are taken."""
    import torch

    place = on_disk.folder(net.model)
    auto = on_disk.library().AutoModelForSequenceClassification
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    given |= {"ignore_mismatched_sizes": True, "output_loading_info": True, "dtype": torch.float32}
    with reading("model", place), torch.random.fork_rng(devices=[]), _quiet():
        found, told = auto.from_pretrained(place, config=_settings(net, n_classes), **given)
    other = {key if isinstance(key, str) else key[0] for key in told["mismatched_keys"]}
    return found, frozenset((set(told["missing_keys"]) | other) & {name for name, _ in found.named_parameters()})


def _drawn(model: Any, names: frozenset[str]) -> None:
    """Parameters that the folder lacks, as such models begin: weights normal, biases 0, scales 1."""
    import torch

    spread = getattr(model.config, "initializer_range", SPREAD)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in names and weight.ndim > 1:
                weight.normal_(0, spread)
            elif name in names:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)


class _quiet:
    """No bars and no reports of what was loaded, which is what was asked for."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self.before, self.bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging

        logging.set_verbosity(self.before)
        if self.bars:
            logging.enable_progress_bar()
