"""PyTorch's side of `benchmarks/torch_unet.py`: run by a Python that has torch and diffusers, and nothing of gudspec.

    python benchmarks/torch_side.py FOLDER '{"network": …, "compute": …, "device": …, "threads": …, "steps": …}'

Says its number of parameters once its network computes what gudspec's does, then a loss for every line `round`.
"""

import json
import platform
import resource
import sys
import time
from pathlib import Path

import diffusers
import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Given(torch.nn.Module):
    """In place of the embedding of a time: whatever it holds."""

    value: torch.Tensor

    def forward(self, _):
        return self.value


def network(shape, channels, multipliers, blocks):
    """UNet2DModel with the U-Net of gudspec: no attention, as with one noise level there is nothing to attend to."""
    height, width, colors = shape
    levels = len(multipliers)
    model = diffusers.UNet2DModel(
        sample_size=(height, width),
        in_channels=colors,
        out_channels=colors,
        layers_per_block=blocks,
        block_out_channels=[channels * multiple for multiple in multipliers],
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        add_attention=False,
        downsample_padding=0,
        norm_num_groups=min(32, channels // 4),
        norm_eps=1e-6,
        resnet_time_scale_shift="scale_shift",
    )
    for module in model.modules():  # as many as here; diffusers has as many everywhere
        if isinstance(module, torch.nn.GroupNorm):
            most = min(32, module.num_channels // 4)
            module.num_groups = next(count for count in range(most, 0, -1) if module.num_channels % count == 0)
    return model


def check(model, folder):
    """The model with gudspec's parameters has to make the same of the same images."""
    given = dict(np.load(folder / "given.npz"))
    taken = {name: torch.from_numpy(array.copy()) for name, array in np.load(folder / "parameters.npz").items()}
    model.load_state_dict(taken)
    usual, model.time_proj = model.time_proj, Given()
    model.time_proj.value = torch.from_numpy(given["embedded"])
    with torch.no_grad():
        output = model(torch.from_numpy(given["image"]).permute(0, 3, 1, 2), 0).sample
    model.time_proj = usual
    np.testing.assert_allclose(output.permute(0, 2, 3, 1).numpy(), given["output"], rtol=1e-3, atol=1e-3)


def trainer(model, pixels, layout, numbers):
    """() → loss: one step, with all that gudspec's step does; the network computes in these numbers."""
    model = model.to(memory_format=layout)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=pixels.device.type == "cuda")
    mean = pixels.float().mean(0)

    def step():
        images = pixels + torch.rand(pixels.shape, device=pixels.device)
        images = ((images - mean) / 128).contiguous(memory_format=layout)
        t, noise = torch.rand(len(images), device=pixels.device), torch.randn_like(images)
        alpha, sigma = (part(torch.pi / 2 * t)[:, None, None, None] for part in (torch.cos, torch.sin))
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=numbers == "bfloat16"):
            predicted = model(alpha * images + sigma * noise, 1000 * t).sample.float()
        loss = torch.mean((predicted - noise) ** 2)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        averaged.update_parameters(model)
        return loss

    return step


def faster(model, pixels, numbers):
    """The step in that of PyTorch's two layouts which is the faster one here."""
    steps, taken = {}, {}
    for name, layout in (("channels_last", torch.channels_last), ("contiguous", torch.contiguous_format)):
        steps[name] = trainer(model, pixels, layout, numbers)
        steps[name]().item()
        begin = time.perf_counter()
        for _ in range(3):
            steps[name]().item()
        taken[name] = time.perf_counter() - begin
    name = min(taken, key=taken.get)
    layout = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[name]
    return name, trainer(model, pixels, layout, numbers)


def main(folder, network_of, compute, device, threads, steps):
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True  # XLA, too, tries its convolutions before it chooses
    pixels = torch.from_numpy(np.load(folder / "given.npz")["pixels"]).permute(0, 3, 1, 2).to(device)
    _, colors, height, width = pixels.shape
    model = network((height, width, colors), *network_of)
    check(model, folder)  # on the CPU, in float32
    model.to(device)
    layout, step = faster(model, pixels, compute)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"parameters": count}), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        for _ in range(steps):
            loss = step()
        print(json.dumps({"loss": loss.item()}), flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if device == "cuda":
        memory = torch.cuda.max_memory_allocated() >> 20
    versions = {"python": platform.python_version(), "torch": torch.__version__, "diffusers": diffusers.__version__}
    told = {"parameters": count, "peak_memory_mib": memory, "layout": layout, "versions": versions}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    main(Path(sys.argv[1]), given.pop("network"), **given)
