"""Draws of what the trials of one operating point would average to, had they been run again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_deviations(trials: NDArray[np.float64], n_draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw how far the true means of several figures of a trial may lie from those that were measured, jointly.

    Three to ten trials say little about their own spread. Resampling the trials themselves, as a bootstrap does, takes their
    spread for the true one, and its intervals are far too narrow. The draws are of the multivariate Student t distribution
    with n - 1 degrees of freedom instead: every weighted sum of the figures then has the quantiles of its own t interval.

    Formula: draw = Σ_i z_i (x_i − x̄) / √(n · χ²), z_i standard normal, χ² chi-squared with n - 1 degrees of freedom; that is
    S^½ z / √n · √((n−1)/χ²), without a decomposition of the covariance S, which is singular for few trials.

    Source: Kotz and Nadarajah, Multivariate t Distributions and Their Applications (2004), section 1.1, for the construction
    from a normal vector and a chi-squared variable.

    Parameters
    ----------
    trials : NDArray[np.float64]
        [n_trials, n_figures], n_trials at least 2; on the scale on which their mean is meant, as logarithms.
    n_draws : int
        How many.
    generator : np.random.Generator
        Of the random numbers.

    Returns
    -------
    NDArray[np.float64]
        [n_draws, n_figures], to be added to the means.

    Raises
    ------
    ValueError
        When there are fewer than two trials: one says nothing about the spread.

    Examples
    --------
    >>> mean_deviations(np.array([[1.0], [1.0], [1.0], [1.0]]), 2, np.random.default_rng(1)).tolist()  # no spread, no doubt
    [[0.0], [0.0]]
    """
    n_trials = trials.shape[0]
    if n_trials < 2:
        raise ValueError(f"the spread of {n_trials} trial is not known; at least 2 are needed")
    normal = generator.standard_normal((n_draws, n_trials))
    chi_squared = generator.chisquare(n_trials - 1, (n_draws, 1))
    return np.asarray(normal @ (trials - trials.mean(axis=0)) / np.sqrt(n_trials * chi_squared))
