"""helpers.arguments: one check each for whole numbers, pairs, speeds and class numbers, and one voice for refusals."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers.arguments import (
    array,
    as_many,
    at_most,
    channels_first,
    class_names,
    class_numbers,
    described,
    kind_of,
    pair,
    positive,
    short,
    switch,
    whole,
)

THREE = ("cat", "dog", "cow")


def said(error, check, *args, **limits):
    with pytest.raises(error) as caught:
        check(*args, **limits)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3), torch.tensor(3)])
def test_what_counts_as_an_index_counts_as_a_whole_number(value):
    assert (whole("n", value, 1, 3), pair("n", value), pair("n", (value, 5))) == (3, (3, 3), (3, 5))
    assert type(whole("n", value)) is type(pair("n", value)[0]) is int


@pytest.mark.parametrize(
    ("value", "limits", "sentence"),
    [
        (0, {"least": 1}, "n wants a whole number of at least 1, but got 0."),
        (-2, {"least": 0}, "n wants a whole number of at least 0, but got -2."),
        (9, {"least": 1, "most": 4}, "n wants a whole number from 1 to 4, but got 9. The nearest is 4."),
        (-1, {"least": 0, "most": 50_000}, "n wants a whole number from 0 to 50,000, but got -1. The nearest is 0."),
    ],
)
def test_a_whole_number_out_of_its_range_is_told_the_range_and_the_nearest(value, limits, sentence):
    assert said(ValueError, whole, "n", value, **limits) == sentence


@pytest.mark.parametrize(
    ("value", "limits", "sentence"),
    [
        (2.0, {}, "n wants a whole number, but got 2.0. Did you mean 2?"),
        ("3", {"least": 1}, "n wants a whole number of at least 1, but got '3'. Did you mean 3?"),
        (0.2, {"least": 1}, "n wants a whole number of at least 1, but got 0.2. Did you mean 1?"),
        (1e9, {"least": 1, "most": 4}, "n wants a whole number from 1 to 4, but got 1000000000.0. Did you mean 4?"),
        (True, {}, "n wants a whole number, but got True. Did you mean 1?"),
        (None, {"least": 1}, "n wants a whole number of at least 1, but got None."),
        ("many", {}, "n wants a whole number, but got 'many'."),
        (float("inf"), {}, "n wants a whole number, but got inf."),
        ((3, 3), {}, "n wants a whole number, but got (3, 3)."),
    ],
)
def test_what_is_no_whole_number_is_told_the_nearest_where_there_is_one(value, limits, sentence):
    assert said(TypeError, whole, "n", value, **limits) == sentence


def test_a_long_value_is_cut_short():
    assert len(said(TypeError, whole, "n", ["a"] * 1000)) < 100
    assert len(said(TypeError, pair, "n", torch.zeros(100, 100))) < 160


@pytest.mark.parametrize(
    ("value", "end"),
    [
        (2.7, "2.7. Did you mean 3?"),
        ((3, 5.0), "(3, 5.0). Did you mean (3, 5)?"),
        ((8, 3, 32, 24), "(8, 3, 32, 24). Did you mean (32, 24)?"),
        ((3,), "(3,). Did you mean 3?"),
        ((), "()."),
        ((3, None), "(3, None)."),
        ({3, 5}, "{3, 5}."),
    ],
)
def test_what_is_no_pair_is_told_the_nearest(value, end):
    wanted = "size wants a whole number of at least 1 or a (height, width) pair, but got "
    assert said(TypeError, pair, "size", value, least=1) == wanted + end


def test_a_pair_below_its_least_passes_for_the_arithmetic_to_refuse():
    assert pair("size", (0, -1), least=1) == (0, -1)


def test_a_speed_is_a_finite_number_above_0():
    assert positive("rate", np.float32(2)) == positive("rate", 2) == 2.0
    for value in (0, -1.5, float("nan")):
        assert said(ValueError, positive, "rate", value) == f"rate wants a number above 0, but got {value!r}."
    infinite = "rate wants a number above 0 and not infinite, but got inf."
    assert said(ValueError, positive, "rate", float("inf")) == infinite
    for value in ("fast", None, True, 1j):
        assert said(TypeError, positive, "rate", value) == f"rate wants a number above 0, but got {value!r}."


def test_a_number_that_is_too_large_is_told_the_limit_and_an_example():
    assert positive("lr", 9, "0.1", most=10) == 9
    assert said(ValueError, positive, "lr", 10, "0.1", most=10) == (
        "lr wants a number above 0 and below 10 such as 0.1, but got 10."
    )


def test_a_switch_is_true_or_false():
    assert (switch("bias", True), switch("bias", False)) == (True, False)
    for value, end in ((1, "1. Did you mean True?"), (0.0, "0.0. Did you mean False?"), ("no", "'no'.")):
        assert said(TypeError, switch, "bias", value) == f"bias wants True or False, but got {end}"


def test_too_few_or_too_many_are_told_how_many_and_why():
    as_many("titles", ["a", "b"], 2, "a title for each image")
    for values, got in (([], 0), ("a", 1), (range(4000), "4,000")):
        assert said(ValueError, as_many, "titles", values, 2, "a title for each image", " Give two.") == (
            f"titles wants a title for each image, 2 in all, but got {got}. Give two."
        )


def test_more_than_there_may_be_are_told_how_to_take_the_first_ones():
    at_most("maps", 8, 8, "maps")
    assert said(ValueError, at_most, "maps", 9, 8, "maps") == "maps wants at most 8 maps, but got 9. Try maps[:8]."
    assert said(ValueError, at_most, "maps", 9000, 8, "maps", "one").endswith("but got 9,000. Try one.")


def test_class_names_come_as_a_tuple():
    for names in (["cat", "dog"], ("cat", "dog"), np.array(["cat", "dog"])):
        assert class_names(names) == ("cat", "dog")
    for names in ("cat", [], [0, 1], 3, None, {"cat", "dog"}, torch.zeros(2)):
        assert said(TypeError, class_names, names) == (
            f"classes wants names, such as ('cat', 'dog'), but got {short(names)}."
        )


@pytest.mark.parametrize("values", [[0, 2, 1], np.array([0, 2, 1], np.uint8), torch.tensor([0, 2, 1])])
def test_class_numbers_come_as_int64(values):
    numbers = class_numbers("labels", values, THREE)
    assert (numbers.dtype, numbers.tolist()) == (np.int64, [0, 2, 1])
    assert said(ValueError, class_numbers, "labels", values, THREE, 4) == (
        "labels wants a class number for each picture, 4 in all, but got 3. "
        "Cut pictures and labels alike: images[:k], labels[:k]."
    )


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        (torch.eye(4), ValueError, "class numbers (N,), but got float32 (4, 4). Try labels.argmax(1)."),
        (torch.ones(4, 1), ValueError, "class numbers (N,), but got float32 (4, 1). Try labels.flatten()."),
        (np.zeros(2), TypeError, "class numbers (N,), but got float64 (2,)."),
        (torch.zeros(2), TypeError, "class numbers (N,), but got float32 (2,). Try labels.long()."),
        (["cat"], TypeError, "class numbers (N,), but got a list that is not numbers."),
        ([[1], [1, 2]], ValueError, "class numbers (N,), but got a list."),
        ([], ValueError, "class numbers (N,), but got float64 (0,)."),
        (3, ValueError, "class numbers (N,), but got an int."),
        (
            [0, 3], ValueError,
            "0 to 2, for the 3 classes, but got 3 at position 1. Try a name in classes for each number.",
        ),
        (
            [1, 3], ValueError,
            "0 to 2, for the 3 classes, but got 3 at position 1. Try labels - 1.",
        ),
    ],
)  # fmt: skip
def test_what_are_no_class_numbers_are_told_what_makes_them_so(values, error, sentence):
    assert said(error, class_numbers, "labels", values, THREE) == f"labels wants {sentence}"


def test_channels_that_come_last_are_put_first_by_the_code_that_is_proposed():
    for shape in ((4, 32, 24, 3), (32, 24, 3)):
        x = torch.zeros(shape)
        assert eval(channels_first("x", x.dim())).shape == (4 if len(shape) == 4 else 1, 3, 32, 24)


def test_what_came_is_described_by_its_type_and_shape_or_by_its_class():
    told = [described(value) for value in (torch.zeros(2, 3).bool(), np.zeros(2, np.uint8), [1.5], 3)]
    assert told == ["bool (2, 3)", "uint8 (2,)", "float64 (1,)", "an int"]
    values = (None, "x", {}, torch.nn.Conv2d(1, 1, 1), [[1], [1, 2]])
    assert [described(value) for value in values] == ["None", "a str", "an empty dict", "a Conv2d", "a list"]
    assert [kind_of(3), kind_of([]), kind_of((1,))] == ["an int", "an empty list", "a tuple"]


def test_an_array_is_made_of_a_tensor_that_numpy_does_not_know():
    assert array(torch.ones(2, dtype=torch.bfloat16, requires_grad=True)).tolist() == [1, 1]


@pytest.mark.parametrize(("sign", "digits"), [(1, 50), (-1, 50), (1, 4299), (1, 5000), (-1, 5000), (1, 100_000)])
def test_a_number_of_any_length_is_told_by_its_beginning_or_its_length(sign, digits):
    size = sign * 10**digits
    for value in (size, (1, size), [size], {"size": size}):
        assert len(short(value)) < 60
    assert said(ValueError, whole, "n", size, 1, 9).startswith(
        f"n wants a whole number from 1 to 9, but got {short(size)}."
    )


def test_numpy_is_imported_only_where_an_array_is_wanted():
    code = "import sys, helpers.arguments; helpers.arguments.pair('n', 3); sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
