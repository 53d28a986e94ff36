// ConvolutionExplorer: input, kernel and output as numbers in cells, and the arithmetic that ties them together.

const GAP = 20; // pixels between the panels

/** The panels' elements, empty. */
function makeFigure() {
  const grids = {
    input: makeGrid("input"),
    kernel: makeGrid("kernel", { makeCell: makeWeightField }),
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
  const sliders = await findSliders(model);

  const formula = makeFormula();
  const code = makeCode();
  const walker = makeWalker(() => {
    const { out } = geometry(sliders.values());
    return { rows: out, columns: out };
  });
  const { player } = walker;
  const hint = make("span", "cs-hint", "Hover or click a cell · arrow keys move · Space plays · type new weights");
  const figure = makeFigure();
  const { grids, titles } = figure;
  const weights = makeWeights(model, grids.kernel, {
    trait: "weights",
    rows: (all) => all[sliders.values().kernel_size - 1],
    numbers: { pattern: /^[+-]?\d+$/, largest: model.get("largest_weight"), kind: "a whole number" },
    leave: () => pointing.hover(null),
  });
  const toolbar = make("div", "cs-toolbar", player.root, weights.choice, hint, weights.message);
  const unread = make("span", "cs-unread");
  const pointed = make("span");
  const note = make("div", "cs-note", unread, pointed);
  const sum = makeSum();
  const refusal = makeRefusal();
  const legend = make("div", "cs-below", note, sum.root, ...refusal.parts);
  const speaker = makeSpeaker();
  const root = make("div", "cs-explorer", formula.root, code.root, toolbar, figure.root, legend, speaker.root);
  el.append(root);

  const space = watchWidth(root, draw);
  const pointing = walker.watch(root, figure.root, draw);

  function draw() {
    const values = sliders.values();
    const { size, kernel_size, stride, padding, dilation } = values;
    const shape = geometry(values);
    const { padded, span, out, read, dropped } = shape;
    const start = starts(values, sliders.highest);
    const kernel = model.get("weights")[kernel_size - 1];
    const inside = (index) => index >= padding && index < padding + size;
    const pixel = (row, column) => (inside(row) && inside(column) ? picture[row - padding][column - padding] : 0);

    const at = walker.at({ input: padded, kernel: kernel_size, output: out });
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

    grids.input.startAt(start.input);
    grids.input.draw(padded, padded, cell, (element, row, column) => {
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
    grids.kernel.draw(kernel_size, kernel_size, 28, (element, row, column) => {
      writeWeight(element, kernel[row][column]);
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
    grids.output.startAt(start.output);
    grids.output.draw(out, out, outputCell, (element, row, column) => {
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
    refusal.write(reasons);
    const lost = out ? neverRead(values, shape) : "";
    setText(unread, lost && `${lost} `);
    setText(pointed, out ? role(at, values, part, out) : "");
    show(sum.root, out > 0);
    setStyle(sum.root, "visibility", window ? "visible" : "hidden"); // its place is kept
    if (window) sum.write(`output[${at.row}, ${at.column}]`, windowTerms(pixel, kernel, at, values), sums[at.row][at.column], width);
    weights.showPreset();

    if (player.playing()) return; // a screen reader would be given sentence after sentence
    const setting = `Input ${size} by ${size}, kernel ${kernel_size}, stride ${stride}, padding ${padding}, dilation ${dilation}`;
    const here = window ? `Output row ${at.row}, column ${at.column} is ${sums[at.row][at.column]}.` : "";
    speaker.say(
      reasons
        ? `${setting}: no output. ${refusal.spoken()}`
        : `${setting}: output ${out} by ${out}. ${lost} ${pointed.textContent} ${here}`.replace(/ +/g, " ").trim(),
    );
  }

  sliders.watch(draw);
  const traits = watchTraits(model, ["weights"], draw);
  draw();
  return ending(sliders, traits, space, player, speaker);
}

export default { render };
