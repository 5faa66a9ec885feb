"""A stand-in for CuPy, over NumPy: an array of another class, and only what CuPy really has.

Names and signatures are those of `cupy_interface.json`, read from CuPy's wheel. As with CuPy, an
array is never converted to NumPy implicitly, NumPy arrays are refused as operands, indices out of
range count from the other end, and sums and functions are rounded otherwise than NumPy rounds.
It cannot show what only hardware shows: speed, and how a GPU really rounds; see `test_cupy.py`.
"""

import functools
import inspect
import json
import types
from pathlib import Path

import numpy as np

__all__ = ["OutOfMemoryError", "make_module"]

INTERFACE = json.loads((Path(__file__).parent / "cupy_interface.json").read_text("utf-8"))
WIDER = {"e": np.float32, "f": np.float64, "d": np.longdouble}
SUMMING = {"sum", "mean", "dot", "matmul", "cumsum", "einsum", "var", "std"}
ROUNDED = {"exp", "log", "tanh", "power", "log1p", "expm1", "sin", "cos", "logaddexp"}


class OutOfMemoryError(MemoryError):
    """As `cupy.cuda.memory.OutOfMemoryError`."""


class ndarray:
    """An array on the device."""

    __slots__ = ("_host",)
    __hash__ = None

    def __init__(self, host):
        if host.dtype.kind not in "biufc" or host.dtype.itemsize > 8 + 8 * (host.dtype.kind == "c"):
            raise TypeError(f"Unsupported dtype {host.dtype}")
        self._host = host

    dtype = property(lambda self: self._host.dtype)
    shape = property(lambda self: self._host.shape)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    T = property(lambda self: ndarray(self._host.T))

    def __array__(self, *args, **keywords):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def __array_ufunc__(self, *args, **keywords):
        raise TypeError("a NumPy function got an array of the device")

    __array_function__ = __array_ufunc__

    def get(self):
        return self._host.copy(order="C")

    def __bool__(self):
        return bool(self._host)

    def __getitem__(self, index):
        return wrapped(self._host[in_range(inner(index), self.shape)])

    def __setitem__(self, index, value):
        index = in_range(inner(index), self.shape)
        self._host[index] = inner(value)


def inner(value):
    """Return the values of arrays in a tree; NumPy's arrays are refused, as CuPy refuses them."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if type(value) in (tuple, list):
        return type(value)(map(inner, value))
    return value


def wrapped(value):
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, tuple | list):
        return (
            type(value)(map(wrapped, value))
            if type(value) is not tuple
            else tuple(map(wrapped, value))
        )
    return value


def in_range(index, shape):
    """Count indices out of range from the other end, as CuPy does without an error."""
    entries = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(entry, list) for entry in entries):
        raise IndexError("Unsupported type <class 'list'>")
    taken = [e for e in entries if e is not None and e is not Ellipsis]
    if any(getattr(e, "dtype", None) == np.bool_ for e in taken):
        return index
    axis = 0
    for i, entry in enumerate(entries):
        if entry is Ellipsis:
            axis += len(shape) - len(taken)
        elif entry is not None:
            if isinstance(entry, np.ndarray):
                entries[i] = entry % shape[axis] if shape[axis] else entry
            axis += 1
    return tuple(entries) if isinstance(index, tuple) else entries[0]


def rounded_otherwise(name, function, args, keywords):
    """Compute with more digits, or move the result to the next number."""
    floats = [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    result = function(*args, **keywords)
    if not floats or "out" in keywords or not isinstance(result, np.ndarray | np.generic):
        return result
    if result.dtype.kind != "f":
        return result
    if name in SUMMING:
        wide = [
            a.astype(WIDER[a.dtype.char])
            if isinstance(a, np.ndarray) and a.dtype.kind == "f"
            else a
            for a in args
        ]
        result = function(*wide, **keywords).astype(result.dtype)
    elif name in ROUNDED:
        with np.errstate(all="ignore"):
            moved = np.nextafter(result, np.where(np.isfinite(result), 0, result))
        result = moved.astype(result.dtype)
    return result


class Module(types.ModuleType):
    """The module `cupy`.

    `wrong` maps the name of a function to a change of its results; `fails_at` is the number of the
    call that finds no memory; `calls` lists the names of the calls.
    """

    def __init__(self):
        super().__init__("cupy")
        self.wrong, self.fails_at, self.calls, self.available = {}, None, [], True
        self.uploaded = 0
        for name in INTERFACE["ufuncs"]:
            setattr(self, name, Ufunc(self, name))
        for name, parameters in INTERFACE["functions"].items():
            *path, last = name.split(".")
            numpy_space, space = np, self
            for part in path:
                if not hasattr(space, part):
                    setattr(space, part, types.SimpleNamespace())
                space, numpy_space = getattr(space, part), getattr(numpy_space, part, None)
            function = getattr(numpy_space, last, None)
            if function is not None:
                setattr(space, last, functools.partial(self.run, name, function, parameters))
        self.asarray, self.asnumpy, self.is_available = self._asarray, self._asnumpy, self._is
        self.ndarray = ndarray

    def _is(self):
        return self.available

    def _asarray(self, value):
        self._allocate("asarray")
        if isinstance(value, ndarray):
            return value
        self.uploaded += np.asarray(value).nbytes
        return ndarray(np.array(value, order="K"))

    @staticmethod
    def _asnumpy(value):
        assert isinstance(value, ndarray), type(value)
        return value.get()

    def _allocate(self, name):
        self.calls.append(name)
        if self.fails_at is not None and len(self.calls) >= self.fails_at:
            raise OutOfMemoryError("Out of memory allocating 512 bytes")

    def run(self, name, function, parameters, *args, **keywords):
        """Call a function with the signature that CuPy has."""
        signature_of(parameters).bind(*args, **keywords)
        self._allocate(name)
        args, keywords = inner(args), {key: inner(value) for key, value in keywords.items()}
        if name == "copyto":
            return function(*args, **keywords)
        if name == "take":
            keywords["mode"] = "wrap"
        if name in ("argsort",):
            keywords["stable"] = True
        result = wrapped(rounded_otherwise(name, function, args, keywords))
        return self.wrong[name](result) if name in self.wrong else result

    def method(self, array, name, *args, **keywords):
        """Call a method with the signature that CuPy has."""
        signature_of(INTERFACE["methods"][name]).bind(*args, **keywords)
        self._allocate(name)
        args, keywords = inner(args), {key: inner(value) for key, value in keywords.items()}
        function = functools.partial(rounded_otherwise, name, getattr(np.ndarray, name))
        result = wrapped(function((array._host, *args), keywords))
        return self.wrong[name](result) if name in self.wrong else result


@functools.cache
def signature_of(parameters):
    return inspect.signature(eval(f"lambda {parameters}: None", {"_numpy": np, "numpy": np}))


class Ufunc:
    """An elementwise function of CuPy: no ``where=``, and its own methods."""

    def __init__(self, module, name):
        self._module, self._name, self._ufunc = module, name, getattr(np, name)

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        module, ufunc = self._module, self._ufunc
        module._allocate(self._name)
        if len(args) != ufunc.nin:
            raise TypeError(f"Wrong number of arguments for {self._name!r}")
        args = inner(args)
        keywords = {} if dtype is None else {"dtype": dtype}
        if out is not None:
            ufunc(*args, out=inner(out), casting=casting, **keywords)
            return out
        if not any(isinstance(a, np.ndarray) for a in args):
            args = tuple(map(np.asarray, args))
        result = wrapped(rounded_otherwise(self._name, ufunc, args, keywords))
        return module.wrong[self._name](result) if self._name in module.wrong else result

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        if self._name != "add":
            raise NotImplementedError(f"`{self._name}.reduceat` is not supported")
        return wrapped(self._ufunc.reduceat(inner(array), inner(indices), axis, dtype))

    def at(self, array, indices, values=None):
        self._ufunc.at(array._host, in_range(inner(indices), array.shape), inner(values))


def make_module():
    """Return a new stand-in, to put into `sys.modules`."""
    module = Module()

    def operate(name, is_in_place=False, is_reflected=False):
        def method(self, other):
            pair = (other, self) if is_reflected else (self, other)
            return getattr(module, name)(*pair, **({"out": self} if is_in_place else {}))

        return method

    names = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide"}
    for short, name in names.items():
        setattr(ndarray, f"__{short}__", operate(name))
        setattr(ndarray, f"__r{short}__", operate(name, is_reflected=True))
        setattr(ndarray, f"__i{short}__", operate(name, is_in_place=True))
    comparisons = {"lt": "less", "ge": "greater_equal", "or": "bitwise_or"}
    comparisons |= {"ne": "not_equal", "and": "bitwise_and"}

    def inverted(self):
        return module.invert(self)

    ndarray.__invert__ = inverted
    for short, name in comparisons.items():
        setattr(ndarray, f"__{short}__", operate(name))
    for name in INTERFACE["methods"]:
        if hasattr(np.ndarray, name):
            setattr(
                ndarray,
                name,
                lambda self, *args, _name=name, **keywords: module.method(
                    self, _name, *args, **keywords
                ),
            )
    return module
