"""How much the curve would move with an example's Gaussians, and how much a model moves these."""

from __future__ import annotations

from empirical.data.compiled_cpu import compiled


@compiled()
def leaned(key, scores, masks, weights, in_mean, out_mean, in_variance, out_variance, found):
    """found[i] = Σ over models of weights[in or out, key] ∂Λ/∂(μ_in, σ²_in, μ_out, σ²_out) of example i, (4, rates)."""
    for k in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            line, into = weights[masks[k, i], key[k, i]], found[i]
            s = float(scores[k, i])
            u, v = 1.0 / in_variance[i], 1.0 / out_variance[i]
            x, y = (s - in_mean[i]) * u, (s - out_mean[i]) * v
            a, b = 0.5 * (x * x - u), 0.5 * (v - y * y)
            for j in range(line.shape[0]):
                into[0, j] += line[j] * x
                into[1, j] += line[j] * a
                into[2, j] -= line[j] * y
                into[3, j] += line[j] * b


@compiled()
def moved(scores, masks, slopes, means, spreads, n_in, n_out, in_mean, out_mean, in_variance, out_variance, found):
    """found[k] += Σ over examples of slopes[i] by how model k moves the four numbers: means by x/``means``, variances by
    (x² n/(n − 1) − σ²)/``spreads``, each (2, n), out and in.
    """
    for k in range(scores.shape[0]):
        into = found[k]
        for i in range(scores.shape[1]):
            inside = masks[k, i]
            if inside:
                n, x, variance, first = n_in[i], scores[k, i] - in_mean[i], in_variance[i], 0
            else:
                n, x, variance, first = n_out[i], scores[k, i] - out_mean[i], out_variance[i], 2
            a, b = x / means[inside, i], (x * x * n / (n - 1.0) - variance) / spreads[inside, i]
            for j in range(into.shape[0]):
                into[j] += slopes[i, first, j] * a + slopes[i, first + 1, j] * b
