// What SimpleCNN makes of an image at one setting, in integers; why it cannot; and the class that does it.

import { fill, kernelError, kernelTooBig, nearestChanges } from "./page/refusals.js";
import { SENTENCES } from "./page/from_python.js";
import { places } from "./page/maps.js";

export const LAYERS = ["input", "conv1 + ReLU", "pool", "flatten", "fc1 + ReLU", "fc2"];
export const CONV1 = 1;
export const POOL = 2;
const FLATTEN = 3;
export const FC1 = 4;
export const FC2 = 5;

const CHANGEABLE = ["image_size", "conv_channels", "kernel_size", "stride", "padding", "pool_kernel_size", "pool_stride"];

/** 294976 as 294,976. */
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const arriving = (count) => `${count} ${count === 1 ? "number arrives" : "numbers arrive"}`;
export const shapeOf = (...sizes) => `(${sizes.join(", ")})`;
const product = (...factors) => factors.reduce((one, other) => one * other, 1);

/**
 * Everything about one setting, in integers: the sides and features, the layer where the chain breaks (or null), and
 * parameters and multiply-adds of the three layers that learn. `wanted` is the number of inputs fc1 has.
 */
export function chainOf(values, images, fc1Inputs) {
  const { image_size, in_channels, conv_channels, kernel_size, stride, padding } = values;
  const { pool_kernel_size, pool_stride, hidden_features, classes, compute_fc1 } = values;
  const conv = places(image_size, kernel_size, stride, padding);
  const pool = places(conv, pool_kernel_size, pool_stride, 0);
  const features = conv_channels * pool ** 2;
  const front = conv < 1 ? CONV1 : pool < 1 ? POOL : null; // what breaks before fc1
  const wanted = !compute_fc1 ? fc1Inputs : front ? null : features;
  const broken = front ?? (wanted === features ? null : FC1);
  const weights = {
    conv1: [conv_channels, in_channels, kernel_size, kernel_size],
    fc1: [hidden_features, wanted],
    fc2: [classes, hidden_features],
  };
  const shapes = [
    [images, in_channels, image_size, image_size],
    [images, conv_channels, conv, conv],
    [images, conv_channels, pool, pool],
    [images, features],
    [images, hidden_features],
    [images, classes],
  ];
  const each = (count) => Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, count(weight)]));
  const macs = each((weight) => product(...weight));
  macs.conv1 *= conv ** 2;
  return {
    conv,
    pool,
    features,
    wanted,
    broken,
    shapes: shapes.slice(0, broken ?? shapes.length), // a layer that breaks has no output, and those behind it neither
    parameters: each((weight) => product(...weight) + weight[0]),
    macs,
  };
}

/** What does not fit where the chain breaks, in a few words, two lines. */
export function misfitOf({ kernel_size, image_size, padding, pool_kernel_size }, { conv, features, wanted, broken }) {
  const padded = image_size + 2 * padding;
  if (broken === FC1) return [`${features} arrive${features === 1 ? "s" : ""},`, `${wanted} wanted`];
  if (broken === POOL) return [`${pool_kernel_size} × ${pool_kernel_size} window`, `on ${conv} × ${conv}`];
  return [`${kernel_size} × ${kernel_size} kernel`, `on ${padded} × ${padded}`];
}

/** Why the chain breaks where it does: what makeRefusal writes. */
export function reasonsOf(values, chain, chainAt, sliders) {
  const { image_size, kernel_size, padding, conv_channels, pool_kernel_size, hidden_features } = values;
  const { conv, pool, features, wanted, broken, shapes } = chain;
  const offered = (order, works) => nearestChanges(values, sliders, order, works);
  if (broken === FC1) {
    return {
      problem: fill(SENTENCES["linear-width"], { layer: "fc1", arriving: arriving(features), each: "for each image", wanted }),
      remedy: [`nn.Linear(${features}, ${hidden_features})`, ...offered(CHANGEABLE, (other) => chainAt(other).broken === null)],
      torch:
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied " +
        `(${shapes[FLATTEN].join("x")} and ${wanted}x${hidden_features})`,
    };
  }
  const order = ["pool_kernel_size", "padding", "kernel_size", "image_size", "stride"];
  const remedy = offered(order, (other) => [null, FC1].includes(chainAt(other).broken));
  const padded = image_size + 2 * padding;
  if (broken === CONV1)
    return {
      problem: `conv1: ${kernelTooBig({ size: image_size, kernel_size, padding })}`,
      remedy,
      torch: kernelError([padded, padded], [kernel_size, kernel_size]),
    };
  return {
    problem: `pool: ${kernelTooBig({ size: conv, kernel_size: pool_kernel_size, padding: 0 })}`,
    remedy,
    torch:
      `RuntimeError: Given input size: (${conv_channels}x${conv}x${conv}). ` +
      `Calculated output size: (${conv_channels}x${pool}x${pool}). Output size is too small`,
  };
}

/** The class that does what is drawn, to run as it stands. */
export function classOf(values, { conv, pool, features, wanted, broken, shapes }) {
  const { in_channels, conv_channels, kernel_size, stride, padding } = values;
  const { pool_kernel_size, pool_stride, hidden_features, classes } = values;
  const inputs = wanted === features ? `${conv_channels} * ${pool} * ${pool}` : wanted;
  // Where nothing reaches fc1, its inputs cannot be told: a lazy layer would look when the first batch arrives.
  const fc1 = wanted ? `nn.Linear(${inputs}, ${hidden_features})` : `nn.LazyLinear(${hidden_features})`;
  const shape = (index) => shapeOf("N", ...shapes[index].slice(1));
  const remark = (index) => {
    if (broken !== null && index > broken) return "";
    return `  # ${shape(index - 1)} -> ${index === broken ? "RuntimeError" : shape(index)}`;
  };
  const conv1 = `${in_channels}, ${conv_channels}, kernel_size=${kernel_size}, stride=${stride}, padding=${padding}`;
  return `import torch
import torch.nn.functional as F
from torch import nn


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(${conv1})
        self.pool = nn.MaxPool2d(kernel_size=${pool_kernel_size}, stride=${pool_stride})
        self.fc1 = ${fc1}
        self.fc2 = nn.Linear(${hidden_features}, ${classes})

    def forward(self, x):
        x = F.relu(self.conv1(x))${remark(CONV1)}
        x = self.pool(x)${remark(POOL)}
        x = torch.flatten(x, 1)${remark(FLATTEN)}
        x = F.relu(self.fc1(x))${remark(FC1)}
        return self.fc2(x)${remark(FC2)}
`;
}
