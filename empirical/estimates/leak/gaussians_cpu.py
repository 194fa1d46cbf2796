"""The passes over models and examples: sums, what one model adds to the pooled variances, and likelihood ratios.

A block is some models: rows of scores (b, n) and of masks (b, n). Sums run over models in their order, each example apart, so
they have the same bits whatever the blocks.
"""

from __future__ import annotations

import math

from empirical.data.compiled_cpu import compiled


@compiled()
def sums(scores, masks, shift, n_in, in_sum, in_square, out_sum, out_square):
    """Add a block to the counts, sums and sums of squares, in and out, of scores less ``shift``."""
    for k in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            d = float(scores[k, i]) - shift[i]
            inside = float(masks[k, i])
            part = d * inside
            rest = d - part
            n_in[i] += inside
            in_sum[i] += part
            in_square[i] += part * part
            out_sum[i] += rest
            out_square[i] += rest * rest


@compiled()
def removed(scores, masks, n_in, n_out, in_mean, out_mean, known, found):
    """found[k] = (squares in, degrees of freedom in, squares out, degrees out) that model k takes from the pooled variances."""
    for k in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            if not known[i]:
                continue
            s = float(scores[k, i])
            if masks[k, i]:
                d = s - in_mean[i]
                found[k, 0] += d * d * n_in[i] / (n_in[i] - 1.0)
                found[k, 1] += 1.0
            else:
                d = s - out_mean[i]
                found[k, 2] += d * d * n_out[i] / (n_out[i] - 1.0)
                found[k, 3] += 1.0


@compiled()
def own(scores, masks, n_in, n_out, in_mean, out_mean, in_square, out_square, known, floor, held, out):
    """Λ by each example's own variances; with ``held``, of models that are among those fitted, each without itself."""
    for i in range(scores.shape[1]):
        if not known[i]:
            for k in range(scores.shape[0]):
                out[k, i] = 0.0
    for k in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            if not known[i]:
                continue
            a, b = n_in[i], n_out[i]
            s = float(scores[k, i])
            x, y = s - in_mean[i], s - out_mean[i]
            p, q = in_square[i], out_square[i]
            if held and masks[k, i]:
                p -= x * x * a / (a - 1.0)
                x *= a / (a - 1.0)
                a -= 1.0
            elif held:
                q -= y * y * b / (b - 1.0)
                y *= b / (b - 1.0)
                b -= 1.0
            p, q = max(p / (a - 1.0), floor), max(q / (b - 1.0), floor)
            out[k, i] = 0.5 * (math.log(q / p) + y * y / q - x * x / p)


@compiled()
def pooled(scores, masks, n_in, n_out, in_mean, out_mean, in_variance, out_variance, known, held, out):
    """Λ by variances that all examples share, of model k ``in_variance[k]`` and ``out_variance[k]``; ``held`` as above."""
    for k in range(scores.shape[0]):
        p, q = 0.5 / in_variance[k], 0.5 / out_variance[k]
        constant = 0.5 * math.log(out_variance[k] / in_variance[k])
        for i in range(scores.shape[1]):
            s = float(scores[k, i])
            x, y = s - in_mean[i], s - out_mean[i]
            if held and masks[k, i]:
                x *= n_in[i] / (n_in[i] - 1.0)
            elif held:
                y *= n_out[i] / (n_out[i] - 1.0)
            out[k, i] = constant + y * y * q - x * x * p if known[i] else 0.0
