"""Awkward parameters, first centers and weights."""

import numpy as np

from tests.estimators.awkward.cases import BLOBS, G, W, case, facts, fit

# ---- k and parameters
for v in (0, -1, 2.0, 2.5, "3", None, True, np.int64(3), np.array(3), np.nan, 61, 10**9):
    case("n_clusters={!r}{}".format(v, " (n=60)" if v in (61, 10**9) else ""))(lambda v=v: fit(BLOBS, v))
for v in (0, -1, 1.5, None, True, "auto"):
    case(f"n_init={v!r}")(lambda v=v: fit(BLOBS, n_init=v))
for v in (0, -1, 1, 2.0, None, np.inf):
    case(f"max_iter={v!r}")(lambda v=v: fit(BLOBS, max_iter=v))
for v in (-1e-4, np.nan, np.inf, 0, 0.0, None, "x", 1e300):
    case(f"tol={v!r}")(lambda v=v: fit(BLOBS, tol=v))
for v in ("bad", -1, 1.5, 2**32, 2**31, np.random.default_rng(0), np.random.RandomState(0), None, True, np.int64(5)):
    case("random_state=%s" % (type(v).__name__ if hasattr(v, "normal") else repr(v)))(
        lambda v=v: fit(BLOBS, random_state=v)
    )
for v in ("full", "auto", "bad", None, "elkan"):
    case(f"algorithm={v!r}")(lambda v=v: fit(BLOBS, algorithm=v))
case("algorithm='elkan', k=1")(lambda: fit(BLOBS, 1, algorithm="elkan"))
case("verbose='yes'")(lambda: fit(BLOBS, verbose="yes"))
case("copy_x=None")(lambda: fit(BLOBS, copy_x=None))
case("unknown keyword")(lambda: fit(BLOBS, n_jobs=2))
case("positional second argument")(lambda: facts(G["KMeans"](3, "random").fit(BLOBS)))
# ---- init
case("init='bad'")(lambda: fit(BLOBS, init="bad"))
case("init=None")(lambda: fit(BLOBS, init=None))
case("init array wrong k")(lambda: fit(BLOBS, init=BLOBS[:2]))
case("init array wrong n_features")(lambda: fit(BLOBS, init=BLOBS[:3, :2]))
case("init array 1-D")(lambda: fit(BLOBS, init=BLOBS[0]))
case("init array NaN")(lambda: fit(BLOBS, init=np.full((3, 3), np.nan)))
case("init array inf")(lambda: fit(BLOBS, init=np.full((3, 3), np.inf)))
case("init array str dtype")(lambda: fit(BLOBS, init=np.array([["a"] * 3] * 3)))
case("init array complex")(lambda: fit(BLOBS, init=BLOBS[[0, 20, 40]] + 1j))
case("init list of lists")(lambda: fit(BLOBS, init=BLOBS[[0, 20, 40]].tolist()))
case("init float32 with X float64")(lambda: fit(BLOBS, init=BLOBS[[0, 20, 40]].astype("f4")))
case("init int array")(lambda: fit(BLOBS, init=np.array([[0, 0, 0], [5, 5, 5], [0, 9, -9]])))
case("init array with n_init=5")(lambda: fit(BLOBS, init=BLOBS[[0, 20, 40]], n_init=5))


def _init_mut():
    c = BLOBS[[0, 20, 40]].copy()
    d = c.copy()
    r = fit(BLOBS, init=c)
    return r + f"; init unchanged={np.array_equal(c, d)}"


case("init array is not modified")(_init_mut)
case("init all identical rows (empty clusters)")(lambda: fit(BLOBS, init=np.zeros((3, 3))))
case("init far away (one empty cluster)")(lambda: fit(BLOBS, init=np.array([[0, 0, 0], [5, 5, 5], [1e6, 1e6, 1e6]])))
case("init duplicated row")(lambda: fit(BLOBS, init=BLOBS[[0, 0, 40]]))
case("init callable returning wrong shape")(lambda: fit(BLOBS, init=lambda X, k, random_state: X[:2]))
case("init callable returning NaN")(lambda: fit(BLOBS, init=lambda X, k, random_state: X[:k] * np.nan))
case("init callable raising KeyError")(lambda: fit(BLOBS, init=lambda X, k, random_state: {}["x"]))
case("init sparse array")(lambda: fit(BLOBS, init=__import__("scipy.sparse").sparse.csr_array(BLOBS[:3])))
# ---- sample_weight
case("sample_weight ones")(lambda: fit(BLOBS, sw=W))
case("sample_weight negative entry")(lambda: fit(BLOBS, sw=np.r_[-1.0, W[1:]]))
case("sample_weight all negative")(lambda: fit(BLOBS, sw=-W))
case("sample_weight all zero")(lambda: fit(BLOBS, sw=W * 0))
case("sample_weight zero but for 2 points, k=3")(lambda: fit(BLOBS, sw=np.r_[1.0, 1.0, np.zeros(58)]))
case("sample_weight zero for one blob")(lambda: fit(BLOBS, sw=np.r_[W[:40], np.zeros(20)]))
case("sample_weight NaN")(lambda: fit(BLOBS, sw=np.r_[np.nan, W[1:]]))
case("sample_weight inf")(lambda: fit(BLOBS, sw=np.r_[np.inf, W[1:]]))
case("sample_weight wrong length")(lambda: fit(BLOBS, sw=W[:59]))
case("sample_weight 2-D")(lambda: fit(BLOBS, sw=W.reshape(60, 1)))
case("sample_weight scalar 2.0")(lambda: fit(BLOBS, sw=2.0))
case("sample_weight strings")(lambda: fit(BLOBS, sw=np.array(["a"] * 60)))
case("sample_weight ints")(lambda: fit(BLOBS, sw=np.arange(60)))
case("sample_weight list")(lambda: fit(BLOBS, sw=[1] * 60))
case("sample_weight bool")(lambda: fit(BLOBS, sw=np.arange(60) % 2 == 0))
case("sample_weight tiny 1e-300")(lambda: fit(BLOBS, sw=W * 1e-300))
case("sample_weight huge 1e300")(lambda: fit(BLOBS, sw=W * 1e300))
case("sample_weight float64 with X float32, 1e300")(lambda: fit(BLOBS.astype("f4"), sw=W * 1e300))
case("sample_weight big-endian")(lambda: fit(BLOBS, sw=W.astype(">f8")))
