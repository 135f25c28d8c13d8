"""Awkward questions to a fitted estimator, and its state: pickles, clones, refits."""

import pickle
import tempfile

import numpy as np

from tests.estimators.awkward.cases import BLOBS, K, W, canon, case, facts, with_

# ---- predict and friends
case("predict before fit")(lambda: K().predict(BLOBS))
case("transform before fit")(lambda: K().transform(BLOBS))
case("score before fit")(lambda: K().score(BLOBS))
case("cluster_centers_ before fit")(lambda: K().cluster_centers_)


def P(Y, X=BLOBS, meth="predict", **options):
    """What a method of an estimator fitted to X says of Y."""
    r = getattr(K().fit(X), meth)(Y, **options)
    if meth == "predict":
        good = canon(r) == [0] * 20 + [1] * 20 + [2] * 20
        return f"{r.dtype} shape {r.shape} {'3 blobs' if good else canon(r)[:6]}"
    return f"float {r:.6g}" if np.isscalar(r) else f"{r.dtype} {r.shape}"


case("predict fewer features")(lambda: P(BLOBS[:, :2]))
case("predict more features")(lambda: P(np.c_[BLOBS, BLOBS]))
case("predict 1-D")(lambda: P(BLOBS[0]))
case("predict 0 samples")(lambda: P(np.zeros((0, 3))))
case("predict NaN")(lambda: P(with_(np.nan)))
case("predict inf")(lambda: P(with_(np.inf)))
case("predict huge 1e200")(lambda: P(BLOBS * 1e200))
case("predict float32 after fit float64")(lambda: P(BLOBS.astype("f4")))
case("predict float64 after fit float32")(lambda: P(BLOBS, BLOBS.astype("f4")))
case("predict float16 after fit float32")(lambda: P(BLOBS.astype("f2"), BLOBS.astype("f4")))
case("predict int")(lambda: P(BLOBS.astype(int)))
case("predict Fortran order")(lambda: P(np.asfortranarray(BLOBS)))
case("predict sparse after dense fit")(lambda: P(__import__("scipy.sparse").sparse.csr_array(BLOBS)))
case("predict complex")(lambda: P(BLOBS + 1j))
case("predict list")(lambda: P(BLOBS.tolist()))
case("predict 1e6 offset float32 query")(lambda: P((BLOBS + 1e6).astype("f4"), (BLOBS + 1e6).astype("f4")))
case("transform")(lambda: P(BLOBS, meth="transform"))
case("transform float32 after fit float64")(lambda: P(BLOBS.astype("f4"), meth="transform"))
case("score")(lambda: P(BLOBS, meth="score"))
case("score negative sample_weight")(lambda: P(BLOBS, meth="score", sample_weight=-W))
case("score wrong length sample_weight")(lambda: P(BLOBS, meth="score", sample_weight=W[:5]))
case("fit_predict y ignored")(
    lambda: "same" if np.array_equal(K().fit_predict(BLOBS, y=np.arange(60)), K().fit(BLOBS).labels_) else "different"
)


def _names():
    import pandas as pd

    km = K().fit(pd.DataFrame(BLOBS, columns=list("abc")))
    km.predict(pd.DataFrame(BLOBS, columns=list("cba")))
    return "no error"


case("predict DataFrame, columns in another order")(_names)


def _names2():
    import pandas as pd

    km = K().fit(pd.DataFrame(BLOBS, columns=list("abc")))
    km.predict(BLOBS)
    return f"{km.n_features_in_} features, {list(km.feature_names_in_)}"


case("fit DataFrame, predict ndarray")(_names2)


def _tamper(c):
    km = K().fit(BLOBS)
    km.cluster_centers_ = c
    r = km.predict(BLOBS)
    return f"{r.dtype} {np.unique(r)}"


case("predict after cluster_centers_ set to list")(lambda: _tamper(BLOBS[[0, 20, 40]].tolist()))
case("predict after cluster_centers_ set to float32")(lambda: _tamper(BLOBS[[0, 20, 40]].astype("f4")))
case("predict after cluster_centers_ set Fortran")(lambda: _tamper(np.asfortranarray(BLOBS[[0, 20, 40]])))
case("predict after cluster_centers_ set to wrong width")(lambda: _tamper(BLOBS[[0, 20, 40], :2]))
case("predict after cluster_centers_ set with NaN")(lambda: _tamper(np.full((3, 3), np.nan)))


# ---- state, pickling, cloning
def _state(f):
    km = K().fit(BLOBS)
    k2 = f(km)
    return f"predict equal={np.array_equal(km.predict(BLOBS), k2.predict(BLOBS))}"


case("pickle round trip")(lambda: _state(lambda k: pickle.loads(pickle.dumps(k))))
case("copy.deepcopy")(lambda: _state(lambda k: __import__("copy").deepcopy(k)))
case("joblib round trip, mmap")(lambda: _state(lambda k: _jl(k)))


def _jl(k):
    import joblib

    d = tempfile.mkdtemp()
    joblib.dump(k, d + "/m.joblib")
    return joblib.load(d + "/m.joblib", mmap_mode="r")


def _pkl_other_version():
    km = K().fit(BLOBS)
    st = km.__getstate__()
    st = dict(st) if isinstance(st, dict) else km.__dict__.copy()
    key = [k for k in st if "version" in k]
    for k in key:
        st[k] = "0.0.1"
    k2 = km.__class__.__new__(km.__class__)
    (k2.__setstate__ if hasattr(k2, "__setstate__") else k2.__dict__.update)(st)
    k2.predict(BLOBS)
    return f"ok, version keys {key}"


case("unpickle a state written by another version")(_pkl_other_version)


def _unp_missing():
    km = K().fit(BLOBS)
    st = dict(km.__dict__)
    st.pop("_n_threads", None)
    k2 = km.__class__.__new__(km.__class__)
    k2.__dict__.update(st)
    k2.predict(BLOBS)
    return "ok"


case("state without private attributes")(_unp_missing)


def _refit():
    km = K().fit(BLOBS)
    km.fit(BLOBS[:, :2])
    return f"{km.n_features_in_} features, centers {km.cluster_centers_.shape}"


case("refit with other n_features")(_refit)


def _failfit():
    km = K().fit(BLOBS)
    try:
        km.fit(with_(np.nan))
    except ValueError:
        pass
    return f"still predicts: {km.predict(BLOBS).shape}"


case("failed refit keeps the old model")(_failfit)


def _clone():
    from sklearn.base import clone

    k = clone(K().fit(BLOBS))
    return "fitted={}".format(hasattr(k, "cluster_centers_"))


case("sklearn.base.clone")(_clone)
case("set_params unknown")(lambda: str(K().set_params(foo=1)))
case("set_params then fit")(lambda: facts(K().set_params(n_clusters=2).fit(BLOBS)))
case("repr")(lambda: repr(K()))
case("y given, wrong length")(lambda: facts(K().fit(BLOBS, np.arange(3))))
