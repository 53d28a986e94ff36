"""Lesson 06's answers are counted or torch's, and so are its mistakes; functions are judged, whoever wrote them."""

import random
import time
from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise
from math import floor
from operator import mod as remainder

import pytest
import torch
import torch.nn.functional as F
from exercising import asked, checked, each, named, questions
from torch import nn

from helpers.exercises import lesson_06 as lesson
from helpers.exercises.answers import is_same
from helpers.exercises.implementation import Implementation
from helpers.exercises.prediction import Prediction

PREDICTIONS = questions(lesson, Prediction)


def wrong(found, name):
    """What the mistake of this name leads to."""
    (answer,) = (mistake.answer for mistake in found.mistakes if mistake.name == name)
    return answer


@pytest.mark.parametrize("question", PREDICTIONS, ids=lambda question: question.name)
def test_no_mistake_passes_for_the_answer_with_one_decimal_or_two(question):
    for seed in range(300):
        question.again(seed)
        found = question.asked()
        for mistake in found.mistakes:
            for given in (mistake.answer, round(mistake.answer, 1), round(mistake.answer, 2)):
                assert not is_same(found.answer, given), (seed, mistake)


@pytest.mark.parametrize("question", PREDICTIONS, ids=lambda question: question.name)
def test_with_the_lessons_numbers_no_two_mistakes_give_the_same(question):
    answers = [mistake.answer for mistake in question.asked().mistakes]
    assert len(set(answers)) == len(answers) >= 4


# -- numbers, counted ------------------------------------------------------------------------------------


def test_the_gain_is_how_many_epochs_fit_into_one_of_before():
    for numbers, found in asked(lesson.q1):
        network, loading = numbers["network"], numbers["network"] * (numbers["times"] - 1)
        before, after = network + loading, network
        assert f"takes {before} s: {loading} s of loading" in found.text
        assert found.answer == len(range(0, before, after))
        assert wrong(found, "the two parts compared") == Fraction(loading, network)
        assert wrong(found, "divided by the part that goes") == pytest.approx(before / loading)
        assert wrong(found, "the seconds that are saved") == before - after
        assert wrong(found, "the seconds that are left") == after
        assert wrong(found, "the share that is saved") == pytest.approx(1 - after / before)


def milliseconds(steps, cores, loading, network, own_cores=0):
    """How long the steps take: each ms a core works on a batch that is to be loaded, or else for the network."""
    waiting, of_batch, of_step, done, passed = 0, 0, 0, 0, 0
    while done < steps:
        passed += 1
        # Workers share one batch, and stop when three are waiting.
        loading_now = min(own_cores or cores, loading - of_batch) if waiting < 3 else 0
        free = cores if own_cores else cores - loading_now
        of_batch += loading_now
        if waiting:
            of_step += free
        if of_batch == loading:
            waiting, of_batch = waiting + 1, 0
        if of_step >= cores * network:  # what is left of this ms goes to the next step
            waiting, of_step, done = waiting - 1, of_step - cores * network, done + 1
    return passed


def test_the_cores_that_workers_and_network_share_take_so_long_and_cannot_be_faster():
    steps = 200
    for numbers, found in asked(lesson.q3, at_most=120):
        cores, loading, network = numbers.values()
        start = 4 * loading  # for the first batch nobody computes, and three are waiting in the end
        assert abs(milliseconds(steps, *numbers.values()) - steps * found.answer) <= start + network
        if loading < network:
            more = milliseconds(steps, *numbers.values(), own_cores=1)
            assert abs(more - steps * wrong(found, "workers with cores of their own")) <= start
        assert wrong(found, "one after the other") == loading + network
        alone = milliseconds(steps, 1, loading, cores * network)
        assert abs(alone - steps * wrong(found, "the work of one core")) <= start
        assert wrong(found, "loading alone") * cores == loading
        assert wrong(found, "the network's time divided too") * cores == loading + network
        assert wrong(found, "workers with cores of their own") < found.answer
        assert found.answer < wrong(found, "one after the other"), "workers do help, but not so much"


def test_a_step_waits_for_whoever_is_slower():
    for numbers, found in asked(lesson.q4, at_most=200):
        operations, call, work = numbers.values()
        steps, started, done = 500, 0, 0
        for _ in range(steps * operations):
            started += call
            done = max(done, started) + work
        assert found.answer == pytest.approx(done / steps / 1000, rel=1e-3)
        assert wrong(found, "the GPU's work alone") < found.answer < wrong(found, "starting and computing added")
        assert wrong(found, "starting and computing added") == pytest.approx((call + work) * operations / 1000)
        assert wrong(found, "only the first start counted") == pytest.approx((call + operations * work) / 1000)
        assert wrong(found, "microseconds") == operations * call


def test_the_products_that_are_not_with_a_0_are_those_of_the_winners():
    torch.manual_seed(0)
    for numbers, found in asked(lesson.q12, at_most=30):
        channels, size, kernel_size = numbers.values()
        conv = nn.Conv2d(3, channels, 3, padding=1)
        maps = conv(torch.randn(1, 3, size, size)).detach().requires_grad_()
        pooled = F.max_pool2d(maps, kernel_size)
        pooled.backward(torch.rand_like(pooled) + 1)
        taps = conv.weight[0].numel()
        assert found.answer == (maps.grad != 0).sum() * taps
        assert f"{maps.numel() * taps:,} products" in found.text
        assert wrong(found, "as many as before") == maps.numel() * taps
        assert wrong(found, "those with a 0") == (maps.grad == 0).sum() * taps
        assert wrong(found, "winners, not products") == pooled.numel()
        assert wrong(found, "one map only") == pooled[0, 0].numel() * taps
        assert wrong(found, "one side only") == F.max_pool2d(maps, (kernel_size, 1)).numel() * taps
        assert wrong(found, "one colour only") == pooled.numel() * conv.weight[0, 0].numel()


def finished(work, rates):
    """After how many ms each part of the work is done, all at the same time."""
    times, left, passed = {}, dict(work), 0
    while left:
        passed += 1
        left = {part: amount - rates[part] for part, amount in left.items()}
        times |= {part: passed for part, amount in left.items() if amount <= 0}
        left = {part: amount for part, amount in left.items() if amount > 0}
    return times


def test_a_layer_is_done_when_its_multiply_adds_and_its_bytes_are():
    for numbers, found in asked(lesson.q7, at_most=500):
        compute, move, rate, bandwidth = numbers.values()
        work = {"multiply-adds": compute * rate * 10**6, "bytes": move * bandwidth * 10**6}
        a_ms = {"multiply-adds": rate * 10**9 // 1000, "bytes": bandwidth * 10**9 // 1000}
        assert f"makes {compute * rate} million" in found.text
        assert f"moves {move * bandwidth} MB" in found.text
        done = finished(work, a_ms)
        assert found.answer == max(done.values())
        assert wrong(found, "the shorter of the two") == min(done.values())
        assert wrong(found, "added up") == sum(done.values())
        assert wrong(found, "seconds") == pytest.approx(max(done.values()) / 1000)
        (why,) = (mistake.why for mistake in found.mistakes if mistake.name == "the shorter of the two")
        last = max(done, key=done.get)
        assert f"the {last} have not" in why
        swapped = {"multiply-adds": a_ms["bytes"], "bytes": a_ms["multiply-adds"]}
        slowest = max(Fraction(work[part], swapped[part]) for part in work)
        assert wrong(found, "each limit with the other's work") == pytest.approx(float(slowest))


def test_the_larger_batch_is_compared_by_the_pictures_of_the_same_time():
    for numbers, found in asked(lesson.q10):
        small, factor, ms_small, ms_large = numbers.values()
        large, time_of_both = factor * small, ms_small * ms_large
        steps_of_small = len(range(0, time_of_both, ms_small))
        steps_of_large = len(range(0, time_of_both, ms_large))
        assert f"batch of {large}." in found.text
        assert found.answer == pytest.approx(steps_of_large * large / (steps_of_small * small))
        assert round(found.answer, 2) == found.answer > 1
        assert wrong(found, "steps compared") == pytest.approx(steps_of_large / steps_of_small)
        assert wrong(found, "milliseconds compared") == pytest.approx(steps_of_small / steps_of_large)
        assert wrong(found, "batches compared") == large / small
        assert wrong(found, "A compared with B") == pytest.approx(steps_of_small * small / (steps_of_large * large))


@cache
def sums(step, kept, limit=None, start=0):
    """The sums after 0, 1, 2, … pictures, of each of which kept(sum, limit) is kept."""
    most = max(lesson.q9._ranges["pictures"])
    return list(accumulate(range(most), lambda total, _: kept(total + step, limit), initial=start))


def as_it_is(total, limit):
    return total


def halves_up(number, digits):
    unit = 2 ** max(0, number.bit_length() - digits)
    return floor(number / unit + 0.5) * unit


def test_the_sum_and_the_ways_to_get_it_wrong_are_torchs():
    zeros = {dtype: torch.zeros((), dtype=dtype) for dtype in (torch.bfloat16, torch.float16)}  # cached by identity
    for numbers, found in asked(lesson.q9):
        dtype, step, pictures = getattr(torch, numbers["dtype"]), numbers["step"], numbers["pictures"]
        digits = round(1 - torch.log2(torch.tensor(torch.finfo(dtype).eps)).item())
        assert found.answer == sums(step, as_it_is, start=zeros[dtype])[pictures].item(), numbers
        assert f"keeps {digits} binary digits" in found.text
        exact = wrong(found, "as if all digits were kept")
        assert exact == sums(step, lesson._rounded, 64)[pictures]
        assert wrong(found, "rounded once at the end") == torch.tensor(exact).to(dtype).item() != exact
        assert wrong(found, "all ones") == int("1" * digits, base=2)
        assert wrong(found, "begun again at 0") == sums(step, remainder, 2**digits)[pictures]
        fewer = sums(step, lesson._rounded, digits - 1)[pictures]
        assert wrong(found, "one digit fewer") == fewer
        assert torch.tensor(fewer + step).to(dtype) == fewer + step, "the next sum is kept as well"
        assert wrong(found, "halves rounded up") == sums(step, halves_up, digits)[pictures]


def test_rounding_to_digits_is_torchs():
    for dtype, digits in lesson.DIGITS.items():
        numbers = torch.arange(1, 2 ** (digits + 4))
        rounded = [lesson._rounded(number, digits) for number in numbers.tolist()]
        assert numbers.to(getattr(torch, dtype)).tolist() == rounded


def test_the_last_step_is_what_is_left_of_a_list_of_pictures():
    for numbers, found in asked(lesson.q11):
        pictures, batch_size, processes = numbers.values()
        *_, full, last = torch.arange(pictures).split(batch_size)
        shares = {len(share) for share in last.tensor_split(processes)}
        assert shares == {found.answer}, numbers
        assert {len(share) for share in full.tensor_split(processes)} == {
            wrong(found, "the last batch as full as the others")
        }
        assert wrong(found, "not shared out") == len(last)
        assert wrong(found, "the batch of all processes") == len(full)
        alone = torch.arange(pictures).tensor_split(processes)[0].split(batch_size)[-1]
        assert wrong(found, "a full batch for each process") == len(alone)


def test_the_obvious_ways_to_write_the_answers_are_right():
    assert lesson.q1.predict("5").state == lesson.q3.predict(32 / 2).state == "right"
    assert lesson.q4.predict(2.4).state == lesson.q7.predict(6.0).state == "right"
    assert lesson.q12.predict(18 * 16 * 16 * 27).state == lesson.q11.predict(8).state == "right"
    assert lesson.q10.predict(1.6).state == lesson.q10.predict("1.60").state == "right"
    assert lesson.q9.predict(torch.tensor(256.0, dtype=torch.bfloat16)).state == "right"


# -- functions, written as a learner would ----------------------------------------------------------------


def times_the_first_step(step, steps, synchronize, clock):
    start = clock()
    for _ in range(steps):
        step()
    synchronize()
    return (clock() - start) / steps


def starts_the_clock_too_early(step, steps, synchronize, clock):
    start = clock()
    step()
    for _ in range(steps):
        step()
    synchronize()
    return (clock() - start) / steps


def warms_up_with_the_clock_running(step, steps, synchronize, clock):
    start = clock()
    step()
    synchronize()
    for _ in range(steps):
        step()
    synchronize()
    return (clock() - start) / steps


def waits_for_the_first_step_only(step, steps, synchronize, clock):
    step()
    synchronize()
    start = clock()
    for _ in range(steps):
        step()
    return (clock() - start) / steps


def waits_after_the_clock(step, steps, synchronize, clock):
    step()
    start = clock()
    for _ in range(steps):
        step()
    seconds = clock() - start
    synchronize()
    return seconds / steps


def waits_at_the_end_only(step, steps, synchronize, clock):
    step()
    start = clock()
    for _ in range(steps):
        step()
    synchronize()
    return (clock() - start) / steps


def waits_with_the_clock_running(step, steps, synchronize, clock):
    step()
    start = clock()
    synchronize()
    for _ in range(steps):
        step()
    synchronize()
    return (clock() - start) / steps


def times_like_a_processor(step, steps, synchronize, clock):
    start = clock()
    for _ in range(steps):
        step()
    return (clock() - start) / steps


def mean_of_single_steps(step, steps, synchronize, clock):
    step()
    synchronize()
    seconds = 0
    for _ in range(steps):
        start = clock()
        step()
        synchronize()
        seconds += clock() - start
    return seconds / steps


def all_steps_together(step, steps, synchronize, clock):
    step()
    synchronize()
    start = clock()
    for _ in range(steps):
        step()
    synchronize()
    return clock() - start


def divides_by_all_that_were_made(step, steps, synchronize, clock):
    made = 1
    step()
    synchronize()
    start = clock()
    for _ in range(steps):
        step()
        made += 1
    synchronize()
    return (clock() - start) / made


def warms_up_with_one_of_the_steps(step, steps, synchronize, clock):
    for number in range(steps):
        step()
        if number == 0:
            synchronize()
            start = clock()
    synchronize()
    return (clock() - start) / steps


def times_one_step(step, steps, synchronize, clock):
    step()
    synchronize()
    start = clock()
    step()
    synchronize()
    return clock() - start


def times_with_another_clock(step, steps, synchronize, clock):
    step()
    synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize()
    return (time.perf_counter() - start) / steps


def reads_the_clock_once(step, steps, synchronize, clock):
    step()
    for _ in range(steps):
        step()
    synchronize()
    return clock() / steps


def counts_backwards(step, steps, synchronize, clock):
    step()
    synchronize()
    start = clock()
    for _ in range(steps):
        step()
    synchronize()
    return (start - clock()) / steps


def prints_it(step, steps, synchronize, clock):
    print(lesson.seconds_per_step(step, steps, synchronize, clock))


def warms_up_three_times(step, steps, synchronize, clock):
    for _ in range(3):
        step()
        synchronize()
    start = clock()
    for _ in range(steps):
        step()
    synchronize()
    seconds = clock() - start
    return torch.tensor(seconds) / steps


def looks_at_the_clock_all_the_time(step, steps, synchronize, clock):
    step()
    synchronize()
    seen = [clock()]
    for _ in range(steps):
        step()
        seen.append(clock())
    synchronize()
    seen.append(clock())
    return sum(later - sooner for sooner, later in pairwise(seen)) / steps


def as_the_model_does(model, x):
    return model(x)


def by_a_mask_before_the_pool(model, x):
    x = model.conv1(x)
    x = model.fc1(model.pool(x * (x > 0)).flatten(1))
    return model.fc2(torch.where(x > 0, x, torch.zeros_like(x)))


def relu_layers_before_and_behind(model, x):
    x = model.pool(nn.ReLU()(model.conv1(x))).relu()
    return model.fc2(torch.relu(model.fc1(x.flatten(1))))


def straight_from_the_pool(model, x):
    x = model.pool(model.conv1(x)).flatten(1)
    return model.fc2(F.relu(model.fc1(x)))


def one_relu_only(model, x):
    x = F.relu(model.pool(model.conv1(x))).flatten(1)
    return model.fc2(model.fc1(x))


def pools_the_picture(model, x):
    x = F.relu(model.conv1(model.pool(x))).flatten(1)
    return model.fc2(F.relu(model.fc1(x)))


def relu_to_the_end(model, x):
    x = F.relu(model.pool(model.conv1(x))).flatten(1)
    return F.relu(model.fc2(F.relu(model.fc1(x))))


def relu_behind_fc2(model, x):
    x = F.relu(model.pool(model.conv1(x))).flatten(1)
    return F.relu(model.fc2(model.fc1(x)))


def forgets_the_batch(step, images, labels, graph, capture):
    step(images, labels)
    images, labels = images.clone(), labels.clone()
    with capture(graph):
        loss = step(images, labels)

    def replay(new_images, new_labels):
        nonlocal images, labels
        images, labels = new_images, new_labels  # names, not memory
        graph.replay()
        return loss

    return replay


def forgets_the_labels(step, images, labels, graph, capture):
    own = images.clone()
    step(own, labels)
    with capture(graph):
        loss = step(own, labels)

    def replay(images, labels):
        own[:] = images
        graph.replay()
        return loss

    return replay


def forgets_the_pictures(step, images, labels, graph, capture):
    own = labels.clone()
    step(images, own)
    with capture(graph):
        loss = step(images, own)

    def replay(images, labels):
        own[:] = labels
        graph.replay()
        return loss

    return replay


def captures_the_callers_batch(step, images, labels, graph, capture):
    step(images, labels)
    with capture(graph):
        loss = step(images, labels)

    def replay(new_images, new_labels):
        images.copy_(new_images)
        labels.copy_(new_labels)
        graph.replay()
        return loss

    return replay


def with_buffers(before, after, step, images, labels, graph, capture):
    """Right but for what happens before the capture and in the replay."""
    own = images.clone(), labels.clone()
    before(step, own)
    with capture(graph):
        loss = step(*own)

    def replay(images, labels):
        own[0].copy_(images)
        own[1].copy_(labels)
        return after(graph, loss)

    return replay


def replayed(graph, loss):
    graph.replay()
    return loss


def captures_the_first_step(*given):
    return with_buffers(lambda step, own: None, replayed, *given)


def copies_and_returns(*given):
    return with_buffers(lambda step, own: step(*own), lambda graph, loss: loss, *given)


def calls_the_step(step, images, labels, graph, capture):
    with capture(graph):
        step(images, labels)
    return lambda images, labels: step(images, labels)


def reads_the_loss_at_once(step, images, labels, graph, capture):
    own = images.clone(), labels.clone()
    step(*own)
    with capture(graph):
        loss = step(*own).item()

    def replay(images, labels):
        own[0].copy_(images)
        own[1].copy_(labels)
        graph.replay()
        return loss

    return replay


def layers_outside(model, images, labels, optimizer):
    scores = model(images)
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(scores, labels)
    return updated(loss, optimizer)


def updated(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def usual_step(model, images, labels, optimizer):
    return updated(F.cross_entropy(model(images), labels), optimizer)


def all_in_bfloat16(model, images, labels, optimizer):
    model.to(torch.bfloat16)
    return usual_step(model, images.to(torch.bfloat16), labels, optimizer)


def pictures_in_bfloat16(model, images, labels, optimizer):
    return usual_step(model, images.to(torch.bfloat16), labels, optimizer)


def loss_outside(model, images, labels, optimizer):
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(images)
    return updated(F.cross_entropy(scores, labels), optimizer)


def flattens_the_batch(model, x):
    x = F.relu(model.pool(model.conv1(x)))
    return model.fc2(F.relu(model.fc1(torch.flatten(x))))


NAMED = {
    lesson.q2: {
        times_the_first_step: "the first step timed",
        starts_the_clock_too_early: "the first step timed like the others",
        warms_up_with_the_clock_running: "the clock started before the first step",
        waits_for_the_first_step_only: "the clock stopped without waiting",
        waits_after_the_clock: "the clock stopped without waiting",
        waits_at_the_end_only: "the clock started without waiting",
        waits_with_the_clock_running: "the clock started before the wait",
        times_like_a_processor: "neither warmed up nor waited",
        mean_of_single_steps: "waited in each step",
        all_steps_together: "not divided",
        divides_by_all_that_were_made: "divided by one step too many",
        warms_up_with_one_of_the_steps: "one step too few",
    },
    lesson.q5: {
        forgets_the_batch: "the batch not copied",
        forgets_the_labels: "only the pictures copied",
        forgets_the_pictures: "only the labels copied",
        captures_the_callers_batch: "no memory of its own",
        captures_the_first_step: "not warmed up",
        copies_and_returns: "never replayed",
        calls_the_step: "the step itself",
        reads_the_loss_at_once: "the loss read too early",
    },
    lesson.q6: {
        as_the_model_does: "in SimpleCNN's own order",
        by_a_mask_before_the_pool: "in SimpleCNN's own order",
        relu_layers_before_and_behind: "before the pool and after it",
        straight_from_the_pool: "the first ReLU left out",
        one_relu_only: "the second ReLU left out",
        flattens_the_batch: "the batch flattened, too",
        pools_the_picture: "the pool before the convolution",
        relu_to_the_end: "a ReLU on the scores",
        relu_behind_fc2: "the second ReLU after fc2",
    },
    lesson.q8: {
        layers_outside: "the layers outside",
        usual_step: "the layers outside",
        all_in_bfloat16: "the model itself in bfloat16",
        pictures_in_bfloat16: "only the pictures in bfloat16",
        loss_outside: "the loss outside",
    },
}


def averages(model, x):
    x = F.relu(F.avg_pool2d(model.conv1(x), model.pool.kernel_size, model.pool.stride))
    return model.fc2(F.relu(model.fc1(x.flatten(1))))


def stops_at_the_hidden_numbers(model, x):
    return F.relu(model.fc1(F.relu(model.pool(model.conv1(x))).flatten(1)))


def changes_the_weights(model, x):
    model.conv1.bias.data.zero_()
    return lesson.q6.reference(model, x)


def behind_flatten(model, x):
    x = F.relu(torch.flatten(model.pool(model.conv1(x)), 1))
    return model.fc2(F.relu(model.fc1(x)))


def with_layers_of_its_own(model, x):
    layers = (model.conv1, model.pool, nn.ReLU(), nn.Flatten(), model.fc1, nn.ReLU(inplace=True), model.fc2)
    return nn.Sequential(*layers)(x)


def in_place_and_by_hand(model, x):
    x = F.max_pool2d(model.conv1(x), model.pool.kernel_size, model.pool.stride).relu_()
    return model.fc2(model.fc1(x.view(len(x), -1)).clamp(min=0))


def chooses_by_a_mask(model, x):
    x = model.pool(model.conv1(x))
    x = model.fc1(torch.where(x > 0, x, 0.0).flatten(1))
    return model.fc2(x * (x > 0))


def warms_up_five_times(*given):
    return with_buffers(lambda step, own: [step(*own) for _ in range(5)], replayed, *given)


def fills_and_reads(*given):
    return with_buffers(lambda step, own: step(*own), lambda graph, loss: replayed(graph, loss).item(), *given)


def replays_twice(*given):
    return with_buffers(
        lambda step, own: step(*own), lambda graph, loss: replayed(graph, replayed(graph, loss)), *given
    )


def returns_the_graph(step, images, labels, graph, capture):
    return graph


def forgets_to_step(model, images, labels, optimizer):
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(model(images), labels)
    loss.backward()
    return loss


def everything_inside(model, images, labels, optimizer):
    with torch.autocast("cpu", torch.bfloat16):
        return usual_step(model, images, labels, optimizer)


def switched_by_hand(model, images, labels, optimizer):
    with torch.amp.autocast(device_type="cpu", dtype=torch.bfloat16):
        loss = nn.CrossEntropyLoss()(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


OTHERS_WRONG = {
    lesson.q2: [times_one_step, times_with_another_clock, reads_the_clock_once, counts_backwards, prints_it],
    lesson.q5: [replays_twice, returns_the_graph],
    lesson.q8: [forgets_to_step],
    lesson.q6: [averages, stops_at_the_hidden_numbers, changes_the_weights],
}
RIGHT_TOO = {
    lesson.q2: [warms_up_three_times, looks_at_the_clock_all_the_time],
    lesson.q5: [warms_up_five_times, fills_and_reads],
    lesson.q8: [switched_by_hand, everything_inside],
    lesson.q6: [behind_flatten, with_layers_of_its_own, in_place_and_by_hand, chooses_by_a_mask],
}


@each(NAMED)
def test_a_learners_mistake_is_called_by_its_name(question, function):
    for feedback in checked(question, function, seeds=5):
        assert feedback.state == "wrong"
        assert named(question, feedback) == [NAMED[question][function]], feedback


def test_each_known_mistake_is_made_by_a_learner_above():
    for question, found in NAMED.items():
        assert set(found.values()) == {mistake.name for mistake in question.mistakes}
    assert list(NAMED) == questions(lesson, Implementation)


@each(OTHERS_WRONG)
def test_a_function_that_is_wrong_in_another_way_is_rejected_and_not_called_by_a_wrong_name(question, function):
    for feedback in checked(question, function, seeds=5):
        assert feedback.state == "wrong"
        assert named(question, feedback) == []


@each(RIGHT_TOO)
def test_a_function_written_otherwise_is_accepted(question, function):
    for feedback in checked(question, function, seeds=5):
        assert feedback.state == "right", feedback


def test_a_clock_that_was_not_read_and_a_missing_return_are_told():
    assert "two looks at the clock: Yours is 0, expected is 3" in repr(lesson.q2.check(times_with_another_clock))
    assert "`return` in place of `print`" in repr(lesson.q2.check(prints_it))
    assert "It returns nothing" in repr(lesson.q6.check(lambda model, x: None))
    assert lesson.q2.check(lambda step, steps, synchronize, clock: ...).state == "open"


def test_the_seconds_are_those_of_a_queue_that_is_worked_off():
    for seed in range(20):
        for case in lesson._devices(random.Random(seed)):
            steps, (queuing, work, _) = case["steps"], case["seconds"].values()
            queued_at = [queuing * (number + 1) for number in range(steps)]
            done = 0
            for moment in queued_at:
                done = max(done, moment) + work
            right = lesson._timed(lesson.q2.reference, *case.values())
            assert right["seconds per step"] == pytest.approx(done / steps)
            queued = lesson._timed(waits_after_the_clock, *case.values())
            assert queued["seconds per step"] == pytest.approx(queued_at[-1] / steps)


def test_the_scores_are_simple_cnns_and_relu_gets_what_the_pool_gives():
    for seed in range(10):
        for case in lesson._networks(random.Random(seed)):
            model, x = case.values()
            right = lesson._scores_and_relus(lesson.q6.reference, model, x)
            assert torch.equal(right["scores"], model(x))
            pooled = model.pool(model.conv1(x))
            assert (pooled < 0).any(), "else the first ReLU has nothing to do"
            assert right["numbers through ReLU"] == pooled.numel() + model.fc1(pooled.flatten(1)).numel()


@pytest.mark.parametrize("inside", [False, True])
def test_with_backward_inside_autocast_a_layer_kept_in_float32_gets_a_gradient_in_bfloat16(inside):
    torch.manual_seed(0)
    layer, x, labels = nn.Linear(8, 3), torch.randn(6, 8), torch.randint(0, 3, (6,))
    F.cross_entropy(layer(x), labels).backward()
    exact, layer.weight.grad = layer.weight.grad, None
    with torch.autocast("cpu", torch.bfloat16):
        with torch.autocast("cpu", enabled=False):
            scores = layer(x)
        loss = F.cross_entropy(scores, labels)
        if inside:
            loss.backward()
    if not inside:
        loss.backward()
    assert torch.equal(layer.weight.grad.bfloat16().float(), layer.weight.grad) == inside
    assert torch.equal(layer.weight.grad, exact) != inside
