"""Why shapes do not fit, in words. Each sentence is written here alone, for the errors and for the explorers' pictures.

`{name}` is the place of a value. Python fills it with str.format; in the browser `fill` of explorers/shared.js does
the same. Both refuse to write a sentence that lacks a value.
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
        "the most that {mode} pooling takes{undilated}."
    ),
    "linear-width": ("{layer}: {arrived} numbers arrive {each}, and {layer} is written for {wanted}."),
    # What stands at the place of the same name above, where there is something to say; else nothing does.
    "spread": ", spread over {dilation}·({kernel_size} − 1) + 1 = {span} by dilation {dilation}",
    "rounded_up": ", even with the stride − 1 = {extra} that ceil_mode adds",
    "undilated": ", which dilation does not change",
}
