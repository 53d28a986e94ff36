"""The Triton kernel against torch: compiled where there is a GPU, otherwise in Triton's interpreter."""

import contextlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is for Linux")

from helpers.data import ImageSet, load_shapes
from helpers.model import FastCNN
from helpers.training import evaluate, train

ROOT = Path(__file__).parent.parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
with pytest.MonkeyPatch.context() as patch:  # for this import alone: another test may compile
    if DEVICE == "cpu":
        patch.setenv("TRITON_INTERPRET", "1")
    from helpers import kernel, kernel_adam
    from helpers.kernel import conv_pool_relu
    from helpers.kernel_adam import KernelAdam
    from helpers.kernel_cnn import KernelCNN, Numbers

BOTH = [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.skipif(
    DEVICE == "cuda" and torch.cuda.get_device_capability() < (8, 0), reason="no products of bfloat16"
))]  # fmt: skip


TIMES = kernel.TIMES


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """On a GPU torch's own convolution may round to tf32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture(autouse=True)
def few_times(monkeypatch):
    """The interpreter is slow, also where a backward program has nothing left to add up."""
    if DEVICE == "cpu":
        monkeypatch.setattr(kernel, "TIMES", kernel.tl.constexpr(2))


def noise(n=6, height=8, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, 3, height, width), dtype=torch.uint8, generator=generator)
    return ImageSet(images, torch.arange(n) % 2, ("low", "high")).to(DEVICE)


def weights(maps=18, seed=0):
    generator = torch.Generator().manual_seed(seed)
    both = [torch.randn(shape, generator=generator) / 5 for shape in ((maps, 3, 3, 3), (maps,))]
    return [tensor.to(DEVICE).requires_grad_() for tensor in both]


def rounded(tensor, products):
    """As the products take it. A GPU takes the nearest bfloat16; the interpreter cuts the digits off."""
    if products == torch.bfloat16 and DEVICE == "cpu":
        return (tensor.detach().view(torch.int32) & -(2**16)).view(torch.float32) + (tensor - tensor.detach())
    return tensor.to(products).float()


def plain(images, chosen, weight, bias, products=torch.float32):
    """What torch computes: in float32, of numbers that are rounded as the kernel's products take them."""
    pictures = torch.stack([images[i][0] for i in chosen.tolist()])
    maps = F.conv2d(rounded(pictures, products), rounded(weight, products), rounded(bias, products), padding=1)
    return F.relu(F.max_pool2d(maps, 2))


def gradients(result, arriving, *tensors):
    return torch.autograd.grad(result, tensors, arriving)


def hold(images, chosen, weight, bias, products):
    """The kernel gives torch's numbers and torch's gradients, to the rounding of sums in another order."""
    ours = conv_pool_relu(images, chosen, weight, bias, products)
    theirs = plain(images, chosen, weight, bias, products)
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    arriving = torch.randn(ours.shape, generator=torch.Generator().manual_seed(9)).to(DEVICE)
    got = gradients(ours, arriving, weight, bias)
    wanted = gradients(theirs, rounded(arriving, products), weight, bias)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * other.abs().max().item())


# -- forward and backward ------------------------------------------------------------------------------


@given(
    pictures=st.integers(1, 9),
    chosen=st.lists(st.integers(0, 8), min_size=1, max_size=12),
    size=st.tuples(st.integers(2, 11), st.integers(2, 11)),
    maps=st.integers(1, 32),
    products=st.sampled_from([torch.float32, torch.bfloat16] if DEVICE == "cpu" else [torch.float32]),
    seed=st.integers(0, 99),
)
@settings(max_examples=12, deadline=None)
def test_it_gives_torchs_numbers_and_gradients_for_pictures_of_any_size(pictures, chosen, size, maps, products, seed):
    chosen = torch.tensor(chosen, device=DEVICE) % pictures
    hold(noise(pictures, *size, seed=seed), chosen, *weights(maps, seed), products)


@pytest.mark.parametrize("products", BOTH)
def test_it_gives_them_for_the_courses_own_pictures(products, monkeypatch):
    monkeypatch.setattr(kernel, "TIMES", TIMES)
    train_set = load_shapes(40, 1)[0].to(DEVICE)
    model = FastCNN().to(DEVICE)
    # 3 × 256 cells are more than the 8 × 64 of one backward program.
    hold(train_set, torch.tensor([3, 39, 3], device=DEVICE), model.conv1.weight, model.conv1.bias, products)


def test_numbers_that_do_not_lie_side_by_side_are_read_one_by_one():
    chosen = torch.tensor([[3, 0], [1, 5], [4, 2]], device=DEVICE)[:, 0]
    hold(noise(), chosen, *weights(), torch.float32)


def test_the_kernels_start_on_the_gpu_of_their_tensors(monkeypatch):
    current, started = [], []

    @contextlib.contextmanager
    def device_of(tensor):
        current.append(tensor)
        yield
        current.pop()

    class Kernel:
        def __getitem__(self, programs):
            return lambda *given: started.append(list(current))

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(kernel, "_forward", Kernel())
    monkeypatch.setattr(kernel_adam, "_adam", Kernel())
    weight, bias = weights()
    conv_pool_relu(noise(), torch.tensor([0], device=DEVICE), weight, bias)
    bias.grad = torch.ones_like(bias)
    KernelAdam([bias]).step()
    (one,), (other,) = started
    assert one is weight
    assert other is bias


@pytest.mark.parametrize("products", BOTH)
def test_of_equal_numbers_the_winner_is_torchs(products):
    weight, bias = weights()
    with torch.no_grad():
        weight.zero_()  # every number is its map's bias, and what the winner has read is its gradient
        bias.fill_(1)
    hold(noise(), torch.tensor([0, 1], device=DEVICE), weight, bias, products)


@pytest.mark.parametrize("products", BOTH)
def test_where_every_sum_is_negative_nothing_comes_out_and_no_gradient_goes_back(products):
    weight, bias = weights()
    with torch.no_grad():
        bias.fill_(-100)
    chosen = torch.tensor([0, 1], device=DEVICE)
    result = conv_pool_relu(noise(), chosen, weight, bias, products)
    assert not result.any()
    assert not any(gradient.any() for gradient in gradients(result, torch.ones_like(result), weight, bias))
    hold(noise(), chosen, weight, bias, products)


def test_zero_itself_sends_no_gradient_back_as_in_torch():
    weight, bias = (torch.zeros(shape, device=DEVICE).requires_grad_() for shape in ((2, 3, 3, 3), (2,)))
    hold(noise(), torch.tensor([0], device=DEVICE), weight, bias, torch.float32)


@pytest.mark.parametrize("products", BOTH)
def test_a_weight_that_is_no_number_is_seen_in_what_comes_out(products):
    weight, bias = weights()
    with torch.no_grad():
        weight[4, 0, 0, 0] = float("nan")
    result = conv_pool_relu(noise(), torch.tensor([2], device=DEVICE), weight, bias, products)
    assert result[:, 4].isnan().any()
    assert not result[:, [*range(4), *range(5, 18)]].isnan().any()


@pytest.mark.parametrize("products", BOTH[1:])
def test_with_products_in_bfloat16_the_output_is_near_that_of_float32(products):
    weight, bias = weights()
    chosen, images = torch.arange(6, device=DEVICE), noise()
    ours, exact = (
        conv_pool_relu(images, chosen, weight, bias, products) for products in (torch.bfloat16, torch.float32)
    )
    assert (ours - exact).abs().max() < 0.01 * exact.max()
    arriving = torch.randn(exact.shape, generator=torch.Generator().manual_seed(9)).to(DEVICE)
    for one, other in zip(gradients(ours, arriving, weight), gradients(exact, arriving, weight), strict=True):
        assert (one - other).norm() < 0.1 * other.norm()  # near ties fall differently


# -- what cannot work ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [-1, 6, 2**40])
def test_a_number_that_the_set_does_not_have_reads_nothing_and_gives_nan(number):
    result = conv_pool_relu(noise(), torch.tensor([number, 0], device=DEVICE), *weights())
    assert result[0].isnan().all()
    assert not result[1].isnan().any()


@pytest.mark.parametrize(
    ("images", "chosen", "weight", "bias"),
    [
        ((2, 3, 8, 8), 0, (18, 3, 3, 3), (18,)),
        ((2, 3, 8, 8), (1, 1), (18, 3, 3, 3), (18,)),
        ((2, 3, 1, 8), 1, (18, 3, 3, 3), (18,)),
        ((2, 3, 8, 8), 1, (33, 3, 3, 3), (33,)),
        ((2, 3, 8, 8), 1, (18, 3, 5, 5), (18,)),
        ((2, 3, 8, 8), 1, (18, 3, 3, 3), (17,)),
    ],
)
def test_what_it_is_not_made_for_is_refused_in_a_sentence(images, chosen, weight, bias):
    zeros = [torch.zeros(shape, device=DEVICE) for shape in (weight, bias)]
    with pytest.raises(ValueError, match=r"^The kernel wants pictures .* but got \(2, 3, ") as error:
        conv_pool_relu(noise(*images[:1], *images[2:]), torch.zeros(chosen, dtype=torch.int64, device=DEVICE), *zeros)
    assert "\n" not in str(error.value)
    assert str(weight) in str(error.value)


def test_weights_on_another_device_than_the_pictures_are_refused():
    weight, bias = weights()
    with pytest.raises(ValueError, match=r"on one GPU .*, but got .* \(18,\) on meta\.$"):
        conv_pool_relu(noise(), torch.tensor([0], device=DEVICE), weight, bias.to("meta"))


def test_on_a_cpu_without_the_interpreter_it_says_so_in_a_sentence(elsewhere):
    assert elsewhere["not interpreted"].endswith(
        "bias (K,), on one GPU (the CPU with TRITON_INTERPRET=1), but got (2, 3, 32, 32) on cpu, (1,) on cpu, "
        "(18, 3, 3, 3) on cpu, (18,) on cpu."
    )


def test_without_triton_it_says_so_in_a_sentence_and_the_rest_goes_on(elsewhere):
    assert elsewhere["without Triton"] == (
        "ImportError: helpers.kernel needs Triton, which is missing: pip's `triton` is for Linux only."
    )


# -- the network with it -------------------------------------------------------------------------------


def test_the_network_with_the_kernel_has_the_losses_of_the_one_without():
    train_set = noise(40)
    torch.manual_seed(0)
    plain, ours = FastCNN(image_size=8, classes=2), KernelCNN(train_set)
    ours.load_state_dict(plain.state_dict())
    how = {"epochs": 2, "batch_size": 16, "device": DEVICE, "progress": False}
    expected, history = train(plain, train_set, **how), train(ours, Numbers(train_set), **how)
    near = 1e-5 if ours.products == torch.float32 else 1e-2
    assert history.loss == pytest.approx(expected.loss, rel=near)
    tested = FastCNN(image_size=8, classes=2).to(DEVICE)
    tested.load_state_dict(ours.state_dict())
    assert evaluate(tested, noise(20))[0] == pytest.approx(evaluate(plain, noise(20))[0], rel=near)


@pytest.mark.parametrize(
    ("device", "capability", "products"),
    [
        ("cpu", None, torch.float32),
        ("cuda", (7, 5), torch.float32),
        ("cuda", (8, 0), torch.bfloat16),
        ("cuda", (9, 0), torch.bfloat16),
    ],
)
def test_an_old_gpu_multiplies_float32_and_a_new_one_bfloat16(monkeypatch, device, capability, products):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    images = types.SimpleNamespace(shape=(5, 3, 32, 32), device=torch.device(device))
    assert KernelCNN(types.SimpleNamespace(images=images, classes=["a", "b"])).products == products


@pytest.mark.parametrize("shuffle", [False, True])
def test_numbers_come_in_the_order_of_the_pictures(shuffle):
    images = noise(10)
    how = [{"shuffle": shuffle, "generator": torch.Generator().manual_seed(3)} for _ in range(2)]
    batches = images.batches(4, **how[0]), Numbers(images).batches(4, **how[1])
    for (pictures, labels), (chosen, same) in zip(*batches, strict=True):
        assert torch.equal(labels, same)
        assert torch.equal(pictures, torch.stack([images[i][0] for i in chosen.tolist()]))


# -- Adam ----------------------------------------------------------------------------------------------


def same_steps(steps, sizes=((5,), (3, 700), (4, 3, 3)), **settings):
    """Weights and averages after some steps of KernelAdam, and of torch's."""
    generator, found = torch.Generator().manual_seed(0), []
    weights = [torch.randn(size, generator=generator) for size in sizes]
    gradients = [[torch.randn(size, generator=generator) for size in sizes] for _ in range(steps)]
    for kind in (KernelAdam, torch.optim.Adam):
        parameters = [torch.nn.Parameter(weight.clone().to(DEVICE)) for weight in weights]
        optimizer = kind(parameters, **settings)
        for step, those in enumerate(gradients):
            for parameter, gradient in zip(parameters[step % 2 :], those[step % 2 :], strict=True):
                parameter.grad = 10 ** (step % 3 - 1) * gradient.to(DEVICE)  # the first has one in each other step
            optimizer.step()
            optimizer.zero_grad()
        averages = [dict(optimizer.state[parameter]) for parameter in parameters]
        found.append([[parameter.detach() for parameter in parameters], averages])
    return found


@pytest.mark.parametrize("settings", [{}, {"lr": 1}, {"betas": (0.5, 0.99999), "eps": 0.1}, {"betas": (0.0, 0.0)}])
def test_adam_in_a_kernel_takes_torchs_steps(settings):
    ours, theirs = same_steps(9, **{"lr": 0.1} | settings)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5, check_device=False)


def test_it_computes_a_loss_anew_where_it_is_asked_to():
    weight = torch.nn.Parameter(torch.ones(3, device=DEVICE))

    def loss():
        (2 * weight).sum().backward()
        return "the loss"

    assert KernelAdam([weight], lr=0.5).step(loss) == "the loss"
    torch.testing.assert_close(weight.detach(), torch.full_like(weight, 0.5))


@pytest.mark.parametrize("weight", [torch.zeros(2, 3).t(), torch.zeros(2, dtype=torch.float64)])
def test_weights_that_it_is_not_made_for_are_refused_in_a_sentence(weight):
    with pytest.raises(ValueError, match=r"KernelAdam wants contiguous float32 parameters, .* use torch.optim.Adam\."):
        KernelAdam([torch.nn.Parameter(weight)])


# -- in a process that does not interpret: importing torch takes seconds, so it is one ----------------

ELSEWHERE = """
import json, sys

sys.modules["triton"] = None
import helpers.training

try:
    import helpers.kernel
except ImportError as error:
    print(json.dumps({"without Triton": f"ImportError: {error}"}))
del sys.modules["triton"]

import torch, triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from helpers import kernel, kernel_adam
from helpers.data import load_shapes

try:
    kernel.conv_pool_relu(load_shapes(2, 1)[0], torch.tensor([0]), torch.zeros(18, 3, 3, 3), torch.zeros(18))
except ValueError as error:
    print(json.dumps({"not interpreted": str(error)}))

read = {"images": "*u8", "chosen": "*i64", "mean": "*fp32", "std": "*fp32"}
sizes = {"ALL": "i32", "N": "i32"} | dict.fromkeys(("K", "H", "W", "AREA", "PRODUCTS"), "constexpr")
written = {
    kernel._forward: {"table": "*fp32", "pooled": "*fp32", "winners": "*i8"},
    kernel._backward: {"gradient": "*fp32", "winners": "*i8", "parts": "*fp32"},
}
for capability, products in ((75, tl.float32), (90, tl.bfloat16)):
    for function, own in written.items():
        constants = {"K": 18, "H": 32, "W": 32, "AREA": 256, "PRODUCTS": products}
        source = ASTSource(fn=function, signature=read | own | sizes, constexprs=constants)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
        told = "mma" in compiled.asm["ptx"], compiled.metadata.shared < 48 * 2**10
        print(json.dumps({f"{capability} {function.__name__}": told}))
tensors = dict.fromkeys(("weights", "gradients", "means", "squares", "step"), "*fp32")
numbers = dict.fromkeys(("lr", "beta1", "new1", "beta2", "new2", "log1", "log2", "eps"), "fp32")
adam = ASTSource(kernel_adam._adam, tensors | numbers | {"N": "i32", "BLOCK": "constexpr"}, {"BLOCK": 1024})
print(json.dumps({"adam": len(triton.compile(adam, target=GPUTarget("cuda", 90, 32)).asm["cubin"]) > 0}))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """What that process told, by its names."""
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton")), "TRITON_INTERPRET": "0"}
    how = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True}
    run = subprocess.run([sys.executable, "-c", ELSEWHERE], **how)
    assert run.returncode == 0, run.stderr
    return {name: told for line in run.stdout.splitlines() for name, told in json.loads(line).items()}


def test_triton_compiles_it_for_an_old_gpu_and_with_matrix_units_for_a_new_one(elsewhere):
    assert {name: told for name, told in elsewhere.items() if name[0].isdigit() or name == "adam"} == {
        "75 _forward": [False, True],
        "75 _backward": [False, True],
        "90 _forward": [True, True],
        "90 _backward": [True, True],
        "adam": True,
    }
