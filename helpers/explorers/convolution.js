// ConvolutionExplorer: input, kernel and output as numbers in cells, and the arithmetic that ties them together.

const GAP = 20; // pixels between the panels

/** Where everything lies for one setting: integers only, from the formula in torch's Conv2d documentation. */
function geometry({ size, kernel_size, stride, padding, dilation }) {
  const padded = size + 2 * padding;
  const span = dilation * (kernel_size - 1) + 1;
  const room = padded - span; // how far the kernel can move
  const out = room < 0 ? 0 : Math.floor(room / stride) + 1;
  const read = new Set(); // rows (and columns: both are alike) of the padded input that some output reads
  for (let place = 0; place < out; place++)
    for (let k = 0; k < kernel_size; k++) read.add(place * stride + k * dilation);
  const dropped = out ? room % stride : 0; // behind the last window
  return { padded, span, room, out, read, dropped };
}

/** The factors of one output number, [pixel, weight] in reading order. */
function windowTerms(pixel, weights, { row, column }, { stride, dilation }) {
  return weights.flatMap((line, i) =>
    line.map((weight, j) => [pixel(row * stride + i * dilation, column * stride + j * dilation), weight]),
  );
}

/** One output number: the sum of weight times pixel. */
function windowSum(pixel, weights, { row, column }, { stride, dilation }) {
  let sum = 0;
  for (let i = 0; i < weights.length; i++)
    for (let j = 0; j < weights.length; j++)
      sum += weights[i][j] * pixel(row * stride + i * dilation, column * stride + j * dilation);
  return sum;
}

const sameWeights = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Why a setting has no output: the sentence, the smallest changes within the sliders' reach, and torch's message. */
function explain({ size, kernel_size, padding, dilation }, { padded, span }, highest) {
  const named = dilation > 1 ? `, spread over ${dilation}·(${kernel_size} − 1) + 1 = ${span} by dilation ${dilation}` : "";
  const morePadding = Math.ceil((span - size) / 2);
  const smallerKernel = Math.floor((padded - 1) / dilation) + 1;
  const smallerDilation = Math.floor((padded - 1) / (kernel_size - 1));
  const largerInput = span - 2 * padding;
  const changes = [
    morePadding <= highest.padding && `padding ${morePadding}`,
    `kernel ${smallerKernel}`,
    smallerDilation >= 1 && dilation > 1 && `dilation ${smallerDilation}`,
    largerInput <= highest.size && `input size ${largerInput}`,
  ].filter(Boolean);
  return {
    problem:
      `The kernel (${kernel_size}${named}) is larger than the padded input (${size} + 2·${padding} = ${padded}): ` +
      "there is no place to put it.",
    remedy: `Smallest change that works: ${changes.join(" · or ")}`,
    torch:
      `PyTorch says: RuntimeError: Calculated padded input size per channel: (${padded} x ${padded}). ` +
      `Kernel size: (${span} x ${span}). Kernel size can't be greater than actual input size`,
  };
}

/**
 * Which cells take part in the one pointed at, as a test for each grid: an output's window, an input cell's readers,
 * a weight's factors. `tap(place, index)` is which row (or column) of the kernel an output lays on an input index.
 */
function takingPart(at, { kernel_size, stride, dilation }, out) {
  const tap = (place, index) => {
    const k = (index - place * stride) / dilation;
    return Number.isInteger(k) && k >= 0 && k < kernel_size ? k : -1;
  };
  const same = (row, column) => row === at.row && column === at.column;
  const reads = (place, index) => tap(place, index) >= 0;
  const multiplied = (index, k) => {
    const place = (index - k * dilation) / stride;
    return Number.isInteger(place) && place >= 0 && place < out;
  };
  const never = () => false;
  const tests = {
    input: { input: same, kernel: never, output: (row, column) => reads(row, at.row) && reads(column, at.column) },
    kernel: {
      input: (row, column) => multiplied(row, at.row) && multiplied(column, at.column),
      kernel: same,
      output: never,
    },
    output: {
      input: (row, column) => reads(at.row, row) && reads(at.column, column),
      kernel: never,
      output: same,
    },
  };
  return { ...tests[at.grid], tap };
}

/** What the pointed-at input cell or weight takes part in, in a sentence; an output's is its sum. */
function role(at, { padding }, part, out) {
  if (at.grid === "kernel") return `weight[${at.row}, ${at.column}] multiplies ${plural(out * out, "cell")}, one for each output.`;
  if (at.grid === "output") return "";
  const places = Array.from({ length: out * out }, (_, index) => [Math.floor(index / out), index % out]);
  const readers = places.filter(([row, column]) => part.output(row, column)).length;
  const where = `Row ${at.row}, column ${at.column} of the ${padding ? "padded " : ""}input`;
  return readers ? `${where} is read by ${plural(readers, "output")}.` : `${where} is never read.`;
}

/** Which rows and columns no output reads, and why, in a sentence or two. */
function neverRead({ padding }, { padded, read, dropped }) {
  const last = dropped > 1 ? `last ${dropped} rows and columns` : "last row and column";
  const between = padded - dropped - read.size;
  return [
    dropped && `The ${last} ${dropped > padding ? "" : "of padding "}are never read: the floor drops them.`,
    between && `${plural(between, "row")} and ${plural(between, "column")} are stepped over.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** The formula, in words and with this setting's numbers; `write` fills the numbers in. */
function makeFormula() {
  const words = make("div", "cs-words", "out = ⌊(", make("span", "cs-input-ink", "in"), " + 2·");
  words.append(make("span", "cs-padding-ink", "padding"), " − dilation·(", make("span", "cs-kernel-ink", "kernel"));
  words.append(" − 1) − 1) / stride⌋ + 1");
  const parts = {
    size: make("b", "cs-input-ink"),
    padding: make("b", "cs-padding-ink"),
    dilation: make("b"),
    kernel_size: make("b", "cs-kernel-ink"),
    stride: make("b"),
    result: make("span"),
    out: make("b", "cs-output-ink"),
    mark: make("span"),
  };
  const { size, padding, dilation, kernel_size, stride, result, out, mark } = parts;
  const numbers = make("div", "cs-numbers", "= ⌊(", size, " + 2·", padding, " − ", dilation, "·(", kernel_size);
  numbers.append(" − 1) − 1) / ", stride, "⌋ + 1 = ", result, out, mark);
  return {
    root: make("div", "cs-formula", words, numbers),
    write(values, { room, out: size }) {
      for (const name of ["size", "padding", "dilation", "kernel_size", "stride"]) setText(parts[name], values[name]);
      const quotient = room / values.stride;
      const shown = Number.isInteger(quotient) ? quotient : Math.round(quotient * 100) / 100;
      setText(result, `⌊${written(shown)}⌋ + 1 = `);
      setText(out, written(Math.floor(quotient) + 1));
      setText(mark, size ? "" : " ✗");
      setClass(numbers, size ? "cs-numbers" : "cs-numbers cs-wrong");
    },
  };
}

/** `output[0, 0] = 1·1 + …`: at most 49 terms, kept and filled in place. */
function makeSum() {
  const head = make("span");
  const total = make("b", "cs-output-ink");
  const root = make("div", "cs-sum");
  const terms = Array.from({ length: 49 }, (_, index) => {
    const value = make("span", "cs-input-ink");
    const weight = make("span", "cs-kernel-ink");
    return { value, weight, root: make("span", "", index ? " + " : "", make("span", "cs-term", value, "·", weight)) };
  });
  let shown = 0;
  return {
    root,
    write(place, factors, sum, width) {
      if (shown !== factors.length) {
        shown = factors.length;
        root.replaceChildren(head, ...terms.slice(0, shown).map((term) => term.root), " = ", total);
      }
      setText(head, `output[${place.row}, ${place.column}] = `);
      factors.forEach(([value, weight], index) => {
        setText(terms[index].value, written(value));
        setText(terms[index].weight, factor(weight));
      });
      setText(total, written(sum));
      const characters = factors.reduce((sum, pair) => sum + 3 + written(pair[0]).length + factor(pair[1]).length, 24);
      keepHeight(root, Math.ceil((characters * 8.5) / width) * 22, width);
    },
  };
}

/** The panels' elements, empty. */
function makeFigure() {
  const grids = {
    input: makeGrid("input"),
    kernel: makeGrid("kernel", (row, column) => {
      const field = make("input");
      field.setAttribute("aria-label", `weight, row ${row}, column ${column}`);
      return field;
    }),
    output: makeGrid("output"),
  };
  const outline = make("div", "cs-window");
  const outlineName = make("div", "cs-window-name");
  const nothing = make("div", "cs-nothing", "∅");
  const titles = {};
  const root = make("div", "cs-figure");
  for (const name of ["input", "kernel", "output"]) {
    titles[name] = make("div", "cs-title");
    root.append(make("div", `cs-panel cs-panel-${name}`, titles[name], grids[name].root));
  }
  grids.input.root.append(outline, outlineName);
  root.lastChild.append(nothing);
  root.setAttribute("aria-label", "The convolution. Arrow keys move the window, Space plays, Escape goes back.");
  return { root, grids, titles, outline, outlineName, nothing };
}

async function render({ model, el }) {
  const picture = model.get("picture");
  const presets = model.get("presets");
  const largestWeight = model.get("largest_weight");
  const first = { grid: "output", row: 0, column: 0 };

  const formula = makeFormula();
  const code = makeCode();
  const player = makePlayer(step);
  const choice = make("select", "cs-select");
  choice.setAttribute("aria-label", "Preset weights");
  for (const name of [...Object.keys(presets), "edited"]) choice.append(make("option", "", name));
  choice.lastChild.disabled = true;
  const message = make("span", "cs-message");
  message.setAttribute("role", "alert");
  const hint = make("span", "cs-hint", "Hover or click a cell · arrow keys move · Space plays · type new weights");
  const toolbar = make("div", "cs-toolbar", player.root, make("label", "", "weights ", choice), hint, message);
  const figure = makeFigure();
  const { grids, titles } = figure;
  const unread = make("span", "cs-unread");
  const pointed = make("span");
  const note = make("div", "cs-note", unread, pointed);
  const sum = makeSum();
  const problem = make("div", "cs-problem");
  const remedy = make("div", "cs-remedy");
  const torchSays = make("div", "cs-torch");
  const legend = make("div", "cs-below", note, sum.root, problem, remedy, torchSays);
  const speaker = makeSpeaker();
  const root = make("div", "cs-explorer", formula.root, code.root, toolbar, figure.root, legend, speaker.root);
  el.append(root);

  const sliders = await findSliders(model);
  const space = watchWidth(root, draw);
  const pointing = watchPointing(
    root,
    figure.root,
    first,
    {
      ArrowRight: () => walk("column", 1),
      ArrowLeft: () => walk("column", -1),
      ArrowDown: () => walk("row", 1),
      ArrowUp: () => walk("row", -1),
      " ": player.toggle,
      Escape: () => (player.stop(), pointing.pin(first)),
    },
    draw,
  );

  /** The output that keys and player move from: the pinned one, pulled back if the output has shrunk, or the first. */
  function pinnedOutput(out) {
    const { grid, row, column } = pointing.pinned();
    return grid === "output" ? { grid, row: Math.min(row, out - 1), column: Math.min(column, out - 1) } : first;
  }

  /** To the next output or the one before, on through all rows. */
  function step(delta) {
    const { out } = geometry(sliders.values());
    if (!out) return;
    const { row, column } = pinnedOutput(out);
    const index = (row * out + column + delta + out * out) % (out * out);
    pointing.pin({ grid: "output", row: Math.floor(index / out), column: index % out });
  }

  /** One output along a row or a column, up to the border. */
  function walk(axis, delta) {
    player.stop();
    const { out } = geometry(sliders.values());
    const from = pinnedOutput(out);
    if (out) pointing.pin({ ...from, [axis]: Math.max(0, Math.min(from[axis] + delta, out - 1)) });
  }

  function draw() {
    const values = sliders.values();
    const { size, kernel_size, stride, padding, dilation } = values;
    const shape = geometry(values);
    const { padded, span, out, read, dropped } = shape;
    const kernel = model.get("weights")[kernel_size - 1];
    const inside = (index) => index >= padding && index < padding + size;
    const pixel = (row, column) => (inside(row) && inside(column) ? picture[row - padding][column - padding] : 0);

    // What is pointed at, pulled back into the picture when a slider has made it smaller.
    const most = { input: padded, kernel: kernel_size, output: out };
    let at = pointing.at();
    if (at.row >= most[at.grid] || at.column >= most[at.grid])
      at = { grid: "output", row: Math.min(at.row, out - 1), column: Math.min(at.column, out - 1) };
    const part = takingPart(at, values, out);
    const window = out > 0 && at.grid === "output";

    // Sizes on the page: one cell size for input and output, so that a smaller output looks smaller.
    const width = space.width();
    const columns = width >= 900 ? 3 : width >= 680 ? 2 : 1;
    setClass(root, columns === 3 ? "cs-explorer" : "cs-explorer cs-narrow");
    setClass(figure.root, `cs-figure cs-columns-${columns}`);
    // The output has more of the width than the input: its numbers have more digits. The style sheet says the same.
    const room = width - [4, GAP, 196 + 2 * GAP][columns - 1];
    const [inputRoom, outputRoom] = columns === 1 ? [room, room] : [0.44 * room, 0.56 * room];
    const fitting = Math.floor(Math.min(inputRoom / (out ? padded : span), out ? outputRoom / out : Infinity));
    const cell = Math.max(14, Math.min(36, fitting));
    const roomy = cell >= ROOMY;

    grids.input.draw(padded, cell, (element, row, column) => {
      const value = pixel(row, column);
      const lit = out > 0 && part.input(row, column);
      const times = roomy && lit && window ? `×${written(kernel[part.tap(at.row, row)][part.tap(at.column, column)])}` : "";
      setText(element, written(value));
      setNote(element, times);
      let name = inside(row) && inside(column) ? tint(value, 9) : "cs-pad";
      if (out && Math.max(row, column) >= padded - dropped) name += " cs-dropped";
      else if (out && !(read.has(row) && read.has(column))) name += " cs-skipped";
      if (lit && !(window && dilation === 1)) name += " cs-lit"; // there the outline says it
      return times ? `${name} cs-noted` : name;
    });

    const largest = Math.max(1, ...kernel.flat().map(Math.abs));
    grids.kernel.draw(kernel_size, 28, (element, row, column) => {
      const text = written(kernel[row][column]);
      if (element.drawnText !== text) element.value = element.drawnText = text;
      return tint(kernel[row][column], largest) + (part.kernel(row, column) ? " cs-lit" : "");
    });

    const sums = Array.from({ length: out }, (_, row) =>
      Array.from({ length: out }, (_, column) => windowSum(pixel, kernel, { row, column }, values)),
    );
    // Longer numbers get wider cells where there is room, and move their digits together where there is none.
    const longest = Math.max(1, ...sums.flat().map((total) => written(total).length));
    const peak = Math.max(0, ...sums.flat().map(Math.abs));
    const outputCell = Math.max(cell, Math.min(36, Math.floor(outputRoom / out), widthOf(longest)));
    squeeze(grids.output, outputCell, longest);
    grids.output.draw(out, outputCell, (element, row, column) => {
      setText(element, written(sums[row][column]));
      return tint(sums[row][column], peak) + (part.output(row, column) ? " cs-lit" : "");
    });

    // The window: around what one output reads, or dashed in red where it does not fit.
    show(figure.outline, !out || window);
    setClass(figure.outline, `cs-window${out ? (dilation > 1 ? " cs-spread" : "") : " cs-too-big"}`);
    setStyle(figure.outline, "left", `${out ? at.column * stride * cell : 0}px`);
    setStyle(figure.outline, "top", `${out ? at.row * stride * cell : 0}px`);
    setStyle(figure.outline, "width", `${span * cell}px`);
    setStyle(figure.outline, "height", `${span * cell}px`);
    const spread = dilation > 1 ? `, spans ${span}` : "";
    show(figure.outlineName, !out);
    setText(figure.outlineName, `${kernel_size} × ${kernel_size} kernel${spread}`);
    setStyle(figure.outlineName, "top", `${span * cell + 4}px`);
    show(figure.nothing, !out);
    player.enable(out > 0);
    show(grids.output.root, out > 0);
    setStyle(grids.input.root, "margin-bottom", out ? "0" : `${(span - padded) * cell + 28}px`);
    const heights = { input: (out ? padded : span + 1) * cell, kernel: 28 * kernel_size, output: out * outputCell };
    const beside = Math.max(heights.input, heights.output) + 30;
    const below = heights.kernel + 40;
    keepHeight(figure.root, [beside + below + heights.output, beside + below, beside][columns - 1], width);

    setText(titles.input, `input ${size} × ${size}` + (padding ? `, padded ${padded} × ${padded}` : ""));
    setText(titles.kernel, `kernel ${kernel_size} × ${kernel_size}${spread}`);
    setText(titles.output, out ? `output ${out} × ${out}` : "no output");
    setClass(titles.output, out ? "cs-title" : "cs-title cs-wrong");
    formula.write(values, shape);
    code.write(
      `nn.Conv2d(1, 1, kernel_size=${kernel_size}, stride=${stride}, padding=${padding}` +
        `${dilation > 1 ? `, dilation=${dilation}` : ""}, bias=False)`,
      `  # (1, ${size}, ${size}) → ${out ? `(1, ${out}, ${out})` : "RuntimeError"}`,
    );

    // Below the picture: the sum, or why there is none.
    const reasons = out ? null : explain(values, shape, sliders.highest);
    for (const element of [problem, remedy, torchSays]) show(element, !out);
    if (reasons) {
      setText(problem, reasons.problem);
      setText(remedy, reasons.remedy);
      setText(torchSays, reasons.torch);
    }
    const lost = out ? neverRead(values, shape) : "";
    setText(unread, lost && `${lost} `);
    setText(pointed, out ? role(at, values, part, out) : "");
    show(sum.root, out > 0);
    setStyle(sum.root, "visibility", window ? "visible" : "hidden"); // its place is kept
    if (window) sum.write(at, windowTerms(pixel, kernel, at, values), sums[at.row][at.column], width);
    const chosen = Object.keys(presets).find((name) => sameWeights(presets[name], model.get("weights")));
    if (choice.value !== (chosen ?? "edited")) choice.value = chosen ?? "edited";

    if (player.playing()) return; // a screen reader would be given sentence after sentence
    const setting = `Input ${size} by ${size}, kernel ${kernel_size}, stride ${stride}, padding ${padding}, dilation ${dilation}`;
    const here = window ? `Output row ${at.row}, column ${at.column} is ${sums[at.row][at.column]}.` : "";
    speaker.say(
      reasons
        ? `${setting}: no output. ${reasons.problem} ${reasons.remedy}.`
        : `${setting}: output ${out} by ${out}. ${lost} ${pointed.textContent} ${here}`.replace(/ +/g, " ").trim(),
    );
  }

  function setWeights(all) {
    setText(message, "");
    model.set("weights", all);
    model.save_changes();
  }
  choice.onchange = () => setWeights(structuredClone(presets[choice.value]));

  /** Take what was typed into a weight's cell, or say why not and put the weight back. */
  function acceptWeight({ target }) {
    const { row, column } = target.dataset;
    const all = structuredClone(model.get("weights"));
    const line = all[sliders.values().kernel_size - 1][row];
    const typed = target.value.trim().replace("−", "-");
    const fits = /^[+-]?\d+$/.test(typed) && Math.abs(Number(typed)) <= largestWeight;
    if (fits && Number(typed) !== line[column]) {
      line[column] = Number(typed);
      setWeights(all);
    } else if (!fits) setText(message, `A weight is a whole number from −${largestWeight} to ${largestWeight}; “${typed}” is not.`);
    target.value = target.drawnText = written(line[column]);
  }
  grids.kernel.root.addEventListener("focusin", ({ target }) => target.select());
  grids.kernel.root.addEventListener("change", acceptWeight);
  grids.kernel.root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return; // JupyterLab keeps this key from becoming a change event
    acceptWeight(event);
    pointing.hover(null);
  });

  sliders.watch(draw);
  model.on("change:weights", draw);
  draw();
  return () => {
    sliders.stop();
    space.stop();
    player.stop();
    speaker.stop();
    model.off("change:weights", draw);
  };
}

export default { render };
