"""Adam as one kernel for each tensor, in Triton: KernelAdam(model.parameters(), lr=1e-3) on a CUDA GPU.

torch's own, Adam(fused=True), gives each program 65,536 numbers. FastCNN's largest layer is five programs then, and
most of an H100's 132 multiprocessors wait. In blocks of 1,024 the same arithmetic keeps all of them at work.
"""

import math

import torch

from helpers.kernel import tl, triton

BLOCK = 1024


class KernelAdam(torch.optim.Adam):
    """torch.optim.Adam without weight decay and amsgrad, for float32. A captured step may hold it."""

    captures = True  # its step leaves nothing for Python to do

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps, capturable=True)  # counts its steps in a tensor on the device
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.dtype != torch.float32 or not parameter.is_contiguous():
                    raise ValueError(
                        f"KernelAdam wants contiguous float32 parameters, but got {tuple(parameter.shape)} of "
                        f"{parameter.dtype}, strides {parameter.stride()}: use torch.optim.Adam."
                    )

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in moving:
                if not self.state[parameter]:
                    names = ("exp_avg", "exp_avg_sq")
                    self.state[parameter] = {"step": torch.zeros((), device=parameter.device)}
                    self.state[parameter] |= {name: torch.zeros_like(parameter) for name in names}
            if moving:
                torch._foreach_add_([self.state[parameter]["step"] for parameter in moving], 1)
            beta1, beta2 = group["betas"]
            logs = [math.log(beta) if beta else -math.inf for beta in (beta1, beta2)]
            settings = float(group["lr"]), beta1, 1 - beta1, beta2, 1 - beta2, *logs, group["eps"]
            for parameter in moving:
                step, mean, square = (self.state[parameter][name] for name in ("step", "exp_avg", "exp_avg_sq"))
                tensors = parameter, parameter.grad.contiguous(), mean, square, step
                with torch.cuda.device_of(parameter):  # Triton starts a kernel on the current GPU
                    _adam[(triton.cdiv(parameter.numel(), BLOCK),)](*tensors, *settings, parameter.numel(), BLOCK)
        return loss


@triton.jit
def _adam(weights, gradients, means, squares, step, lr, beta1, new1, beta2, new2, log1, log2, eps, N,
          BLOCK: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = place < N
    gradient = tl.load(gradients + place, mask=there, other=0.0)
    mean = beta1 * tl.load(means + place, mask=there, other=0.0) + new1 * gradient
    square = beta2 * tl.load(squares + place, mask=there, other=0.0) + new2 * gradient * gradient
    # 1 − βᵗ, as the averages begin at 0. The first ones are small differences of float64.
    so_far = tl.load(step)
    first = (1 - tl.exp((so_far * log1).to(tl.float64))).to(tl.float32)
    second = (1 - tl.exp((so_far * log2).to(tl.float64))).to(tl.float32)
    weight = tl.load(weights + place, mask=there, other=0.0)
    weight -= lr / first * mean / (tl.sqrt(square / second) + eps)
    tl.store(weights + place, weight, mask=there)
    tl.store(means + place, mean, mask=there)
    tl.store(squares + place, square, mask=there)
