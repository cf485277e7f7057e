"""PyTorch's side of `benchmarks/convolutions.py`: run by a Python that has torch, and nothing of gudspec.

Reads a line per convolution, [image, kernel, stride, padding, kind, calls], and says how many seconds a call takes in
each of two layouts.
"""

import json
import sys
import time

import torch
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_input, conv2d_weight


def call(image, kernel, stride, padding, kind, layout):
    """() → one call, in a layout."""
    batch, height, width, channels = image
    rows, columns, _, outputs = kernel
    x = torch.randn(batch, channels, height, width)
    if padding[0][0] != padding[0][1]:  # as diffusers does, outside of the convolution
        (top, bottom), (left, right) = padding
        x, padding = pad(x, (left, right, top, bottom)), [[0, 0], [0, 0]]
    x = x.contiguous(memory_format=layout)
    w = torch.randn(outputs, channels, rows, columns).contiguous(memory_format=layout)
    options = {"stride": stride, "padding": (padding[0][0], padding[1][0])}
    if kind == "result":
        return lambda: conv2d(x, w, **options)
    result = torch.randn_like(conv2d(x, w, **options))
    if kind == "by_image":
        return lambda: conv2d_input(x.shape, w, result, **options)
    return lambda: conv2d_weight(x, w.shape, result, **options)


def main():
    """Answers line by line."""
    made = {}
    for line in sys.stdin:
        *one, kind, calls = json.loads(line)
        taken = []
        for layout in (torch.channels_last, torch.contiguous_format):
            key = json.dumps([one, kind, str(layout)])
            if key not in made:
                made[key] = call(*one, kind, layout)
                made[key]()
            begin = time.perf_counter()
            for _ in range(calls):
                made[key]()
            taken.append((time.perf_counter() - begin) / calls)
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
