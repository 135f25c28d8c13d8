"""Our estimators in scikit-learn's places: imports, pipelines, searches, spectral clustering, scripts; and back."""

import pytest

from tests.checks import run_python

pytest.importorskip("sklearn")


def test_patch_and_back():
    run_python("""
import fastkmeans, sklearn.cluster
theirs = sklearn.cluster.KMeans
fastkmeans.patch_sklearn()
fastkmeans.patch_sklearn()
from sklearn.cluster import KMeans, MiniBatchKMeans, BisectingKMeans, k_means, kmeans_plusplus
from sklearn.cluster._kmeans import KMeans as private
assert KMeans is private is fastkmeans.KMeans is not theirs
assert MiniBatchKMeans is fastkmeans.MiniBatchKMeans and BisectingKMeans is fastkmeans.BisectingKMeans
assert k_means is fastkmeans.k_means and kmeans_plusplus is fastkmeans.kmeans_plusplus
assert isinstance(KMeans(2, random_state=0).fit([[0.0], [9.0]]).to_sklearn(), theirs)
fastkmeans.unpatch_sklearn()
fastkmeans.unpatch_sklearn()
from sklearn.cluster import KMeans
assert KMeans is theirs and sklearn.cluster._kmeans.KMeans is theirs
""")


def test_what_uses_k_means_goes_on_working():
    run_python("""
import numpy as np
import fastkmeans
fastkmeans.patch_sklearn()
import fastkmeans.estimators.kmeans as ours
fits = []
fit = ours.KMeans.fit
ours.KMeans.fit = lambda self, *args, **options: fits.append(1) or fit(self, *args, **options)

from sklearn.cluster import KMeans, SpectralClustering
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

X, y = make_blobs(150, centers=3, random_state=1)
pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0))
assert adjusted_rand_score(y, pipeline.fit_predict(X)) > 0.9
search = GridSearchCV(pipeline, {"kmeans__n_clusters": [2, 3]}, cv=2).fit(X)
assert search.best_params_ == {"kmeans__n_clusters": 3}
before = len(fits)
spectral = SpectralClustering(3, assign_labels="kmeans", random_state=0, affinity="nearest_neighbors")
assert adjusted_rand_score(y, spectral.fit_predict(X)) > 0.9 and len(fits) > before
before = len(fits)
KBinsDiscretizer(3, strategy="kmeans", encode="ordinal").fit(X)
assert len(fits) > before
""")


def test_a_script_is_run_as_if_by_itself(tmp_path):
    script = tmp_path / "script.py"
    (tmp_path / "beside.py").write_text("VALUE = 5\n")
    script.write_text(
        "import sys\nfrom sklearn.cluster import KMeans\nimport beside\n"
        "print(__name__, KMeans.__module__, sys.argv[1:], beside.VALUE)\n"
    )
    told = run_python(None, arguments=["-m", "fastkmeans.patch", str(script), "a", "-b"]).strip()
    assert told == "__main__ fastkmeans.estimators.kmeans ['a', '-b'] 5"
    told = run_python(None, arguments=["-m", "fastkmeans.patch", "-m", "script", "c"], cwd=tmp_path).strip()
    assert told == "__main__ fastkmeans.estimators.kmeans ['c'] 5"
    assert "usage" in run_python(None, arguments=["-m", "fastkmeans.patch", "--help"])


def test_elbow_of_yellowbrick():
    pytest.importorskip("yellowbrick")
    run_python("""
import matplotlib
matplotlib.use("Agg")
import fastkmeans
fastkmeans.patch_sklearn()
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from yellowbrick.cluster import KElbowVisualizer
X, _ = make_blobs(200, centers=4, random_state=3)
elbow = KElbowVisualizer(KMeans(random_state=0), k=(2, 7), timings=False, force_model=True).fit(X)
assert elbow.elbow_value_ in (3, 4) and isinstance(elbow.estimator, fastkmeans.KMeans)
""")
