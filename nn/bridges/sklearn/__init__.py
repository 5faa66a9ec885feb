"""Estimators of scikit-learn that train a network of this project.

`MLPClassifier` and `MLPRegressor` take the parameters of the classes of the same names in
`sklearn.neural_network`, and a network of your own with ``network=``. They need the extra
``sklearn``: ``pip install "tinygrad_edu[sklearn]"``.
"""

from ...packages import require

require("sklearn", "by nn.bridges.sklearn")

from .classifier import MLPClassifier  # noqa: E402, the error above explains what to install
from .regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
