"""What lesson 05 says of its runs holds for the numbers that it prints. They differ between machines: nbval compares
none of them, so they are read from the committed outputs here.
"""

import ast
import math
import re
from collections import Counter
from pathlib import Path

import folding
import nbformat
import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "05_training_on_gpu.ipynb"
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"


@pytest.fixture(scope="module")
def cells():
    return nbformat.read(NOTEBOOK, as_version=4).cells


def printed(cells, code):
    """The lines that the cell with this code prints or shows, without a progress bar."""
    (cell,) = (cell for cell in cells if cell.cell_type == "code" and code in cell.source)
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in folding.uncovered(cell)]
    return [line for text in texts for line in text.splitlines() if "images/s" not in line]


def numbers(line):
    return [float(number.replace(",", "")) for number in re.findall(NUMBER, line)]


def test_the_untrained_network_guesses_and_bytes_make_its_loss_much_larger(cells):
    untrained, raw = printed(cells, "raw_loss =")
    loss, accuracy, guessing = numbers(untrained)
    assert guessing == round(math.log(10), 3)
    assert abs(loss - guessing) < 0.1
    assert 5 < accuracy < 15
    assert numbers(raw)[-1] > 2 * guessing


def test_one_batch_is_memorised_also_with_shuffled_labels(cells):
    first, *_, last = (numbers(line) for line in printed(cells, "right = (logits.argmax"))
    assert abs(first[1] - 2.3) < 0.1
    assert last[1] < 0.05
    assert last[2:] == [64, 64]
    shuffled, true = (numbers(line)[0] for line in printed(cells, "shuffled = "))
    assert shuffled == 64
    assert true < 22  # by chance 6.4


def test_training_ends_above_90_percent_as_counted_by_hand_and_on_the_test_set(cells):
    by_hand, by_train, pictures = numbers(printed(cells, "show_confusion(")[0])
    assert min(by_hand, by_train) > 90
    assert abs(by_hand - by_train) < 200 * math.sqrt(0.9 * 0.1 / pictures)
    _, on_test, on_validation = numbers(printed(cells, "evaluate(trained, test_set)")[0])
    assert on_validation == by_hand
    assert abs(on_test - on_validation) < 3
    assert numbers(printed(cells, "filters_before).abs()")[0])[0] > 0.1


def test_eval_mode_is_as_without_dropout_and_train_mode_is_less_accurate(cells):
    evaluating, training = (numbers(line) for line in printed(cells, "dropping.pool ="))
    assert evaluating[0] == evaluating[1] > max(training)


def test_only_no_grad_keeps_nothing_and_losses_that_are_added_up_keep_all_but_pictures_and_weights(cells):
    train, evaluating, no_grad = (numbers(line)[0] for line in printed(cells, "kept_for_backward() as kept, torch"))
    assert train == evaluating > no_grad == 0
    shared = 4 * (128 * 3 * 32 * 32 + 64 * 4608 + 10 * 64 + 18 * 27)
    assert f"{shared / 1e6:.1f} MB of them" in "\n".join(cell.source for cell in cells)
    added, item, backward = (numbers(line) for line in printed(cells, "def kept_after_each"))
    assert added == pytest.approx([(train + more * (train - shared)) / 1e6 for more in range(3)], abs=1)
    assert (set(item), set(backward)) == ({added[0]}, {0})


def test_stopping_the_clock_too_early_means_nothing_on_a_cpu_and_batches_at_once_are_faster(cells):
    step, hasty = (numbers(line)[0] for line in printed(cells, "step_seconds, hasty_seconds ="))
    assert 0.7 < hasty / step < 1.4
    *_, ratio = numbers(printed(cells, "one_by_one, at_once =")[0])
    assert ratio > 2


def test_a_cell_that_is_run_again_finds_the_names_it_needs_as_they_were(cells):
    """A name that several cells set is read only by cells that set it themselves."""
    sets, reads = [], []
    for cell in cells:
        if cell.cell_type == "code":
            tree = compile(cell.source, "", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
            own = {name.id for name in names if isinstance(name.ctx, ast.Store)}
            own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
            sets.append(_top_level(tree))
            reads.append({name.id for name in names} - own - sets[-1])
    often = {name for name, count in Counter(name for names in sets for name in names).items() if count > 1}
    assert {"model", "loss"} < often
    assert [names & often for names in reads if names & often] == []


def _top_level(tree):
    """The names that a cell leaves behind."""
    inner = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    found, nodes = set(), [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, inner):
            nodes += ast.iter_child_nodes(node)
    return found


def test_the_figure_of_three_rates_and_the_features_say_which_one_collapsed(cells):
    slow, good, far = (numbers(run) for run in printed(cells, "networks[lr] =")[0].split("; "))
    (_, _, slow_first, slow_last, *_), (_, _, _, good_last, *_) = slow, good
    assert good_last < slow_last - 0.3 < slow_first
    assert far[2] > slow_first + 0.5
    assert abs(far[3] - math.log(10)) < 0.1
    assert abs(far[-1] - 0.1) < 0.05
    *awake, dead = (numbers(line)[-1] for line in printed(cells, "awake = {}"))
    assert min(awake) > 90
    assert dead < 10


def test_few_pictures_are_memorised_and_augmentation_makes_the_gap_smaller_and_the_network_worse(cells):
    plain, augmented, _ = (numbers(line) for line in printed(cells, "def on_300"))
    assert plain[1] > 85
    assert 0.3 < (augmented[1] - augmented[2]) / (plain[1] - plain[2]) < 0.75
    assert augmented[2] < plain[2]


def test_the_explorers_run_is_trains_and_a_stopped_run_goes_on_as_if_it_had_not_stopped(cells):
    explorers, trains = printed(cells, "explorer_run = await")
    assert explorers == trains
    for code in ("second = SimpleCNN(", "unbroken = SimpleCNN("):
        assert numbers(printed(cells, code)[0])[-1] == 0


def test_momentum_and_adam_end_far_below_every_plain_rate_and_adam_does_with_many_rates(cells):
    names = {}
    for code in ("def descend(", "def momentum(", "def adam("):
        (cell,) = (cell for cell in cells if cell.cell_type == "code" and code in cell.source)
        exec("import torch\nfrom collections import defaultdict\nshow_losses = print", names)
        exec(cell.source, names)
    descend, last = names["descend"], {name: losses[-1] for name, losses in names["curves"].items()}
    assert max(last["momentum"], last["adam"]) < last["plain"] / 100
    rates = [step / 10_000 for step in range(1, 400, 3)]
    assert min(descend(lambda w, gradient, _, lr=lr: w - lr * gradient)[-1] for lr in rates) > 0.5
    source = next(cell.source for cell in cells if "def adam(" in cell.source).partition("\n\n\n")[0]
    for lr in (0.1, 0.15, 0.2, 0.4, 0.5):
        assert source.count("0.3 * mean") == 1
        exec(source.replace("0.3 * mean", f"{lr} * mean"), names)
        assert descend(names["adam"])[-1] < 0.01
