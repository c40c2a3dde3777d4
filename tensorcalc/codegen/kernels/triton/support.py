"""What every generated file has: sizes of blocks, checks of arguments, arrays to write into, products of matrices."""

from __future__ import annotations

__all__ = ["CHECKS", "PRECISION", "PRODUCT", "SCATTER", "SETTINGS", "SUMS", "TARGET", "TILES"]

SETTINGS = """\
LIMIT = 16384  # entries of a row that a program holds at once; longer rows are read block by block
LONG = 4096  # entries of a block of such a row
TILE = 2048  # entries that a program works on where rows are short
FLAT = 1024  # entries that a program works on where there are no rows
PARTS = 512  # programs among which sums over rows are divided: the same on every device
LOCAL = 1 << 27  # bytes of what exists for the rows of a block only
LEAST = 256  # rows of such a block at least
"""

TILES = '''\
def _block(size, most):
    """The power of two from a size on, but not more than `most`."""
    return min(triton.next_power_of_2(max(size, 1)), most)


def _rows(rows, width):
    """How many rows of a width a program works on at once."""
    return max(1, min(triton.next_power_of_2(max(rows, 1)), TILE // width))


def _warps(entries):
    """The number of warps for the entries that a program holds."""
    return min(16, max(4, entries // 512))
'''

CHECKS = '''\
def _check(tensors, shapes, labels, sizes):
    """Whether arguments are what their formula says. Raises TypeError, ValueError; IndexError for a wrong label."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name} must be a tensor, not {type(tensor).__name__}")
        device = next(iter(tensors.values())).device
        if tensor.device != device:
            raise ValueError(f"{name} is on {tensor.device}, and other arguments are on {device}")
        whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
        if whole != (name in labels) or not (whole or tensor.is_floating_point()):
            raise TypeError(f"{name} must hold {'labels, which are integers' if name in labels else 'real numbers'}")
        if tensor.dim() != len(shapes[name]):
            raise ValueError(f"{name} has {tensor.dim()} axes, {len(shapes[name])} expected: {shapes[name]}")
        for axis, size in enumerate(shapes[name]):
            expected = size if isinstance(size, int) else sizes.setdefault(size, tensor.shape[axis])
            if tensor.shape[axis] != expected:
                raise ValueError(f"axis {axis} of {name} has length {tensor.shape[axis]}, {expected} expected")
    for name, size in labels.items():
        size = size if isinstance(size, int) else sizes.get(size)
        if size is not None and tensors[name].numel():
            least, largest = torch.aminmax(tensors[name])
            if least < 0 or largest >= size:
                raise IndexError(f"labels {name} must be 0 to {size - 1}")
'''

TARGET = '''\
def _target(out, shape, dtype, like, over=(), others=()):
    """The array for a result: the caller's, where writing into it spoils nothing that is still to be read.

    That may lie over an argument of `over`, entry by entry.
    """
    if out is None:
        return torch.empty(shape, dtype=dtype, device=like.device)
    if not isinstance(out, torch.Tensor) or not out.is_floating_point() or out.requires_grad:
        raise TypeError("out must be a floating-point tensor that needs no gradient")
    if tuple(out.shape) != tuple(shape) or out.device != like.device:
        raise ValueError(f"out must have shape {tuple(shape)} and be on {like.device}")
    for other in others:
        if other.untyped_storage().data_ptr() == out.untyped_storage().data_ptr():
            same = other.data_ptr() == out.data_ptr() and other.shape == out.shape and other.dtype == out.dtype
            if not same or not any(other is allowed for allowed in over):
                return torch.empty(shape, dtype=dtype, device=like.device)
    return out if out.is_contiguous() else torch.empty(shape, dtype=dtype, device=like.device)


def _given(out, result):
    """A result in the caller's array."""
    return result if out is None or out is result else out.copy_(result)
'''

SUMS = '''\
def _sums(target, real):
    """Zeros of a precision in which the parts of a result are added up, in the result itself where it has that."""
    return target.zero_() if target.dtype == real else torch.zeros(target.shape, dtype=real, device=target.device)
'''

PRODUCT = '''\
def _multiply(out, left, right, scale=1.0, keep=False):
    """Write scale * left @ right into matrices, or add it to them where they are to `keep` what they hold."""
    if out.dtype == left.dtype:
        add = torch.addmm if out.dim() == 2 else torch.baddbmm
        add(out, left, right, beta=1 if keep else 0, alpha=scale, out=out)
    else:
        product = torch.matmul(left, right).mul_(scale)
        out.add_(product) if keep else out.copy_(product)
'''

SCATTER = '''\
def _scatter(target, places, values):
    """Add values at some entries, one after the other where several meet: the same sum in every run."""
    total = target.to(values.dtype)
    total.index_put_(places, values, accumulate=True)
    return target if total is target else target.copy_(total)
'''

PRECISION = '''\
def _precision(numbers):
    """The precision of results: that of the arguments with axes, or of all where none has any."""
    kinds = [n.dtype for n in numbers if n.dim()] or [n.dtype for n in numbers]
    dtype = kinds[0]
    for other in kinds[1:]:
        dtype = torch.promote_types(dtype, other)
    return dtype
'''
