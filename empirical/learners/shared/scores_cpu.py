"""Decision values (models, classes, rows) to scores, compiled: ``scores.scored`` along contiguous rows; and sums by class."""

from __future__ import annotations

import numpy as np

from empirical.data.compiled_cpu import compiled
from empirical.learners.shared.exponential_cpu import exponential

_MOST = np.float32(87.3)


@compiled()
def held(masks, order, starts, present):
    """present[m, c] = masks[m] holds any of order[starts[c] : starts[c + 1]]; the first found settles it."""
    for m in range(masks.shape[0]):
        for c in range(present.shape[1]):
            for i in range(starts[c], starts[c + 1]):
                if masks[m, order[i]]:
                    present[m, c] = True
                    break


@compiled()
def class_sums(rows, labels, sums):
    """sums[labels[i]] += rows[i], in order."""
    for i in range(rows.shape[0]):
        line, total = rows[i], sums[labels[i]]
        for j in range(rows.shape[1]):
            total[j] += line[j]


@compiled()
def _largest(values, present, top, chosen):
    """top[i]: the largest value present; chosen[i]: its class, of equal ones the lower."""
    top[:] = -np.inf
    chosen[:] = -1
    for c in range(values.shape[0]):
        if not present[c]:
            continue
        line = values[c]
        for i in range(len(top)):
            more = line[i] > top[i]
            top[i] = line[i] if more else top[i]
            chosen[i] = c if more else chosen[i]


@compiled()
def correct(values, present, labels, out):
    """out[m, i] = the label's value is the largest, ties to the lower class."""
    models, _, rows = values.shape
    top, chosen = np.empty(rows, np.float32), np.empty(rows, np.int32)
    for m in range(models):
        _largest(values[m], present[m], top, chosen)
        for i in range(rows):
            out[m, i] = chosen[i] == labels[i]


@compiled()
def predicted(values, present, out):
    """out[m, i] = the class of the largest value, ties to the lower."""
    models, _, rows = values.shape
    top, chosen = np.empty(rows, np.float32), np.empty(rows, np.int32)
    for m in range(models):
        _largest(values[m], present[m], top, chosen)
        for i in range(rows):
            out[m, i] = chosen[i]


@compiled()
def probabilities(values, present, out):
    """out[m, i, c] = softmax over the classes present, 0 for the others."""
    models, classes, rows = values.shape
    top, chosen, total = np.empty(rows, np.float32), np.empty(rows, np.int32), np.empty(rows, np.float32)
    shares = np.empty((classes, rows), np.float32)
    for m in range(models):
        _largest(values[m], present[m], top, chosen)
        total[:] = 0
        for c in range(classes):
            for i in range(rows):
                shares[c, i] = exponential(values[m, c, i] - top[i]) if present[m, c] else np.float32(0)
                total[i] += shares[c, i]
        for i in range(rows):
            for c in range(classes):
                out[m, i, c] = shares[c, i] / total[i]


@compiled()
def _ranks(values, present, labels, own, rest):
    """own[i]: the label's value (the lowest present where it is absent); rest[i]: the largest other present."""
    classes, rows = values.shape
    lowest = np.full(rows, np.float32(np.inf))
    own[:] = np.inf
    rest[:] = -np.inf
    for c in range(classes):
        if not present[c]:
            continue
        line = values[c]
        for i in range(rows):
            mine = labels[i] == c
            lowest[i] = min(lowest[i], line[i])
            own[i] = line[i] if mine else own[i]
            rest[i] = rest[i] if mine else max(rest[i], line[i])
    for i in range(rows):
        own[i] = own[i] if present[labels[i]] else lowest[i]


@compiled()
def margin(values, present, labels, out):
    """out[m, i] = the label's value less the largest other, 0 where there is no other."""
    rows = values.shape[2]
    own, rest = np.empty(rows, np.float32), np.empty(rows, np.float32)
    for m in range(values.shape[0]):
        _ranks(values[m], present[m], labels, own, rest)
        for i in range(rows):
            out[m, i] = own[i] - rest[i] if rest[i] > -np.inf else np.float32(0)


@compiled()
def loss(values, present, labels, out):
    """out[m, i] = log Σ e^value − the label's value, at most 87.3, and that where the label is absent."""
    classes, rows = values.shape[1], values.shape[2]
    own, rest, total = np.empty(rows, np.float32), np.empty(rows, np.float32), np.empty(rows, np.float32)
    for m in range(values.shape[0]):
        _ranks(values[m], present[m], labels, own, rest)
        total[:] = 0
        for c in range(classes):
            if not present[m, c]:
                continue
            line = values[m, c]
            for i in range(rows):
                total[i] += exponential(line[i] - max(own[i], rest[i]))
        for i in range(rows):
            if present[m, labels[i]]:
                out[m, i] = min(np.log(total[i]) + (max(own[i], rest[i]) - own[i]), _MOST)
            else:
                out[m, i] = _MOST


@compiled()
def probability(values, present, labels, out):
    """out[m, i] = softmax at the label, 0 where it is absent."""
    loss(values, present, labels, out)
    for m in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[m, i] = exponential(-out[m, i]) if present[m, labels[i]] else np.float32(0)
