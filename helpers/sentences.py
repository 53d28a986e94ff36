"""Why shapes do not fit, in words: all that the arithmetic says, and all that is said in more places than one.

Each sentence is written here alone, for the errors, for trace and for the explorers' pictures.
`{name}` is the place of a value. Python fills it with str.format; in the browser `fill` of
explorers/page/refusals.js does the same. Both refuse to write a sentence that lacks a value.
"""

SENTENCES = {
    "kernel-too-big": (
        "The kernel ({kernel_size}{spread}) is larger than the padded input "
        "({size} + 2·{padding} = {padded}){rounded_up}: there is no place to put it."
    ),
    "kernel-over-picture": (
        "The kernel ({kernel}) is larger than the padded picture ({padded}): there is no place to put it."
    ),
    "pool-padding": (
        "The padding ({padding}) is more than half the kernel ({kernel_size} // 2 = {half}), "
        "the most that {pooling} takes{undilated}."
    ),
    "padding-word": (
        "padding wants a whole number of at least 0, a (height, width) pair, "
        '"same" or "valid", but got "{padding}".{meant}'
    ),
    "same-stride": ('padding="same" wants stride 1, but got {stride}. With a stride, give the padding as a number.'),
    "output-padding": (
        "output_padding wants a number below stride ({stride}) or dilation ({dilation}), but got {output_padding}."
    ),
    "cut-off": (
        "The padding ({padding}) cuts off 2·{padding} = {cut} cells of "
        "({size} − 1)·{stride} + {dilation}·({kernel_size} − 1) + {output_padding} + 1 = {cells}: nothing is left."
    ),
    "groups": "{channels} cannot be shared out among {groups} groups.",
    "channels": "{layer}: {channels}, but it is written for {wanted}.",
    "arrives": "{layer}: {what} arrives, and {who} wants {wanted}.",
    "not-flattened": "{layer}: {shape} arrives, not flattened, and {layer} {does}.",
    "linear-width": "{layer}: {arriving} {each}, but {layer} is written for {wanted}.",
    "no-batch": "{what} given: {shape}. The model wants {wanted}.",
    # {pooling}, by its mode.
    "max": "max pooling",
    "avg": "average pooling",
    # What stands at the place of the same name above, where there is something to say; else nothing does.
    "spread": ", spread over {dilation}·({kernel_size} − 1) + 1 = {span} by dilation {dilation}",
    "rounded_up": ", even with the stride − 1 = {extra} that ceil_mode adds",
    "undilated": ", which dilation does not change",
}
