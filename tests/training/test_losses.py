from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from sc_neurocore.training import spike_count_loss


def test_the_loss_is_the_cross_entropy_of_ten_times_the_rates() -> None:
    counts = torch.tensor([[5.0, 0.0], [2.0, 3.0]])
    labels = torch.tensor([0, 1])
    loss = spike_count_loss(counts, labels, steps=20)
    by_hand = np.log1p(np.exp(-2.5)), np.log1p(np.exp(-0.5))
    assert loss.item() == pytest.approx(np.mean(by_hand), rel=1e-6)
    assert torch.equal(loss, functional.cross_entropy(counts / 2, labels))
