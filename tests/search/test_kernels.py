"""kernels: near-duplicates are folded under the best of them."""

from __future__ import annotations

import numpy as np

from edge_app.search.vectors.kernels import fold_groups


def test_many_rows_fold_as_one_after_the_other_would() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(360, 1, 16)) + 0.15 * rng.normal(size=(360, 2, 16))
    vectors = rng.permutation(vectors.reshape(720, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    expected: list[list[int]] = []
    for number, vector in enumerate(vectors):
        close = (group for group in expected if vectors[group[0]] @ vector >= 0.95)
        if group := next(close, None):
            group.append(number)
        else:
            expected.append([number])
    assert 256 < len(expected) < 720
    assert fold_groups(vectors, 1000, 0.95) == expected
    some = fold_groups(vectors, 300, 0.95)
    assert [group[0] for group in some] == [group[0] for group in expected[:300]]
