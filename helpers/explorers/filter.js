// FilterExplorer: a picture and what a kernel makes of it, pixel by pixel on canvas.

const FILTER_GAP = 28; // pixels between the panels; the style sheet says the same
const TALLEST = 420; // pixels: so high a picture is drawn at most
const COARSEST = 24; // pixels a pixel at most
const PINK = [204, 121, 167]; // the course's colour for negative numbers
const UNIT = 10000; // weights have four decimals: sums of whole ten-thousandths are exact, and fit into 32 bits
const LONGEST_NOTE = 48; // characters: `A pixel of padding = 0 is read by 25 outputs.`
const PADDING = 153; // its grey

/** A picture's elements: its canvas, and boxes to lay over some of its pixels. */
function makePicture(grid, ...boxes) {
  const canvas = make("canvas");
  Object.assign(canvas.dataset, { grid, row: 0, column: 0 });
  const root = make("div", "cs-picture", canvas, ...boxes);
  return { root, canvas, context: canvas.getContext("2d", { willReadFrequently: true }) };
}

/** A colour as a canvas keeps it in memory: one number, on the little-endian machines that browsers run on. */
const packed = (red, green, blue, alpha = 255) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** Draw a picture with one canvas pixel a pixel; `colour(row, column)` is a packed one. */
function paint({ canvas, context }, rows, columns, colour) {
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  const image = context.createImageData(columns, rows);
  const colours = new Uint32Array(image.data.buffer);
  for (let row = 0, place = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, place++) colours[place] = colour(row, column);
  context.putImageData(image, 0, 0);
}

/** Lay a box over rows and columns of a picture; or hide it, where there are none. */
function lay(box, scale, { top, left, rows, columns }) {
  show(box, rows > 0 && columns > 0);
  setStyle(box, "top", `${top * scale}px`);
  setStyle(box, "left", `${left * scale}px`);
  setStyle(box, "height", `${rows * scale}px`);
  setStyle(box, "width", `${columns * scale}px`);
}

/** Let a canvas be pointed at as a grid of cells is: its data says which pixel is under the pointer. */
function watchPixels({ canvas }, scale, pointing) {
  const index = (offset, count) => Math.max(0, Math.min(Math.floor(offset / scale()), count - 1));
  const aim = ({ offsetX, offsetY }) =>
    Object.assign(canvas.dataset, { row: index(offsetY, canvas.height), column: index(offsetX, canvas.width) });
  for (const name of ["pointerover", "pointermove", "click"]) canvas.addEventListener(name, aim);
  canvas.addEventListener("pointermove", (event) => {
    const [now, cell] = [pointing.at(), cellOf(event)];
    const moved = Object.keys(cell).some((key) => cell[key] !== now[key]);
    if (moved && event.pointerType !== "touch") pointing.hover(cell);
  });
}

/** What a colour on the output says: 0 to 255 is grey, above is white, below is pink, full from −255 on. */
function outputColour(value) {
  const strength = Math.min(Math.abs(value), 255);
  const grey = Math.round(strength);
  const part = (full) => Math.round((full * strength) / 255);
  return value < 0 ? packed(part(PINK[0]), part(PINK[1]), part(PINK[2])) : packed(grey, grey, grey);
}

/** The picture with its padding, and what comes out of each window. */
function filtered(pixels, weight, { stride, padding }) {
  const side = (size) => geometry({ size, kernel_size: weight.length, stride, padding });
  const [vertical, horizontal] = [side(pixels.length), side(pixels[0].length)];
  const width = horizontal.padded;
  const padded = new Int32Array(vertical.padded * width);
  pixels.forEach((line, row) => padded.set(line, (row + padding) * width + padding));
  const taps = weight.flatMap((line, i) => line.map((number, j) => [i * width + j, Math.round(number * UNIT)]));
  const offsets = Int32Array.from(taps, ([offset]) => offset);
  const factors = Int32Array.from(taps, ([, number]) => number);
  const output = new Int32Array(vertical.out * horizontal.out);
  let [smallest, largest] = [Infinity, -Infinity];
  for (let row = 0, place = 0; row < vertical.out; row++)
    for (let column = 0; column < horizontal.out; column++, place++) {
      const start = row * stride * width + column * stride;
      let sum = 0;
      for (let tap = 0; tap < factors.length; tap++) sum += factors[tap] * padded[start + offsets[tap]];
      output[place] = sum;
      if (sum < smallest) smallest = sum;
      if (sum > largest) largest = sum;
    }
  return {
    vertical,
    horizontal,
    pixel: (row, column) => padded[row * width + column],
    value: (row, column) => output[row * horizontal.out + column] / UNIT,
    smallest: smallest / UNIT,
    largest: largest / UNIT,
  };
}

/** Which outputs along one side read an input index: where the first is, and how many. */
function readersOf(index, { stride, out }, kernel_size) {
  const first = Math.max(0, Math.ceil((index - kernel_size + 1) / stride));
  return { first, count: Math.max(0, Math.min(Math.floor(index / stride), out - 1) - first + 1) };
}

/** Why the kernel does not fit, for both sides in one sentence; what to change, and torch's message. */
function explainFilter(height, width, kernel_size, padding, highest) {
  const padded = [height, width].map((size) => size + 2 * padding);
  const least = Math.min(height, width);
  const needed = Math.ceil((kernel_size - least) / 2);
  const smaller = Math.min(...padded);
  return {
    problem:
      `The kernel (${kernel_size} × ${kernel_size}) is larger than the padded picture (${padded.join(" × ")}): ` +
      "there is no place to put it.",
    remedy: [
      needed <= highest.padding && `padding ${needed}`,
      `a kernel of ${smaller} × ${smaller}`,
    ].filter(Boolean),
    torch:
      `RuntimeError: Calculated padded input size per channel: (${padded.join(" x ")}). ` +
      `Kernel size: (${kernel_size} x ${kernel_size}). Kernel size can't be greater than actual input size`,
  };
}

/** Which rows and columns no output reads, and why. */
function neverReadSides({ padding }, vertical, horizontal) {
  const named = (word, { dropped }) =>
    dropped && `the last ${dropped > 1 ? plural(dropped, word) : word}${dropped > padding ? "" : " of padding"}`;
  const between = (word, { padded, dropped, read }) =>
    padded - dropped - read.size > 0 && plural(padded - dropped - read.size, word);
  const both = (tell) => [tell("row", vertical), tell("column", horizontal)].filter(Boolean);
  const [lost, skipped] = [both(named), both(between)];
  const one = lost.length === 1 && Math.max(vertical.dropped, horizontal.dropped) === 1;
  const sentence = `${lost.join(" and ")} ${one ? "is" : "are"} never read: the floor drops ${one ? "it" : "them"}.`;
  return [
    lost.length && sentence[0].toUpperCase() + sentence.slice(1),
    skipped.length && `${skipped.join(" and ")} are stepped over.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** The formula for height and width: one where they are equal. */
function makeFormulas() {
  const formulas = ["height", "width"].map((side) => {
    const formula = makeFormula();
    const label = make("span", "", `${side} `);
    formula.root.lastChild.prepend(label);
    return { ...formula, label };
  });
  formulas[1].root.firstChild.remove(); // the words are there once
  return {
    root: make("div", "", ...formulas.map(({ root }) => root)),
    write(sizes, values, sides) {
      const square = sizes[0] === sizes[1];
      formulas.forEach(({ root, label, write }, index) => {
        write({ ...values, size: sizes[index], dilation: 1 }, sides[index]);
        show(root, index === 0 || !square);
        show(label, !square);
      });
    },
  };
}

/** The panels' elements, empty. */
function makeFilterFigure() {
  const boxes = {
    border: make("div", "cs-border"),
    bottom: make("div", "cs-unread-part"),
    right: make("div", "cs-unread-part"),
    window: make("div", "cs-mark"),
    lit: make("div", "cs-mark"),
  };
  const input = makePicture("input", boxes.border, boxes.bottom, boxes.right, boxes.window);
  const output = makePicture("output", boxes.lit);
  const kernel = makeGrid("kernel", { makeCell: makeWeightField });
  const patch = makeGrid("patch");
  const titles = { input: make("div", "cs-title"), kernel: make("div", "cs-title"), output: make("div", "cs-title") };
  const window = make("div", "", make("div", "cs-title", "pixels under it"), patch.root);
  const nothing = make("div", "cs-nothing", "∅");
  const root = make(
    "div",
    "cs-figure",
    make("div", "cs-panel-input", titles.input, input.root),
    make("div", "cs-panel-kernel", make("div", "", titles.kernel, kernel.root), window),
    make("div", "cs-panel-output", titles.output, output.root, nothing),
  );
  root.setAttribute("aria-label", "The filtered picture. Arrow keys move the window, Space plays, Escape goes back.");
  return { root, boxes, input, output, kernel, patch, titles, window, nothing };
}

async function render({ model, el }) {
  const sliders = await findSliders(model);

  /** The filtered picture of this setting: computed again only when it has changed. */
  let last = { key: [] };
  function present() {
    const values = sliders.values();
    const key = [model.get("pixels"), model.get("weight"), values.stride, values.padding];
    if (key.some((part, index) => part !== last.key[index])) {
      const result = filtered(model.get("pixels"), model.get("weight"), values);
      last = { key, ...result, size: { rows: result.vertical.out, columns: result.horizontal.out } };
      if (!(last.size.rows && last.size.columns)) last.size = { rows: 0, columns: 0 };
    }
    return last;
  }

  const formulas = makeFormulas();
  const code = makeCode();
  const walker = makeWalker(() => present().size);
  const { player } = walker;
  const hint = make("span", "cs-hint", "Hover or click a pixel · arrow keys move · Space plays · type new weights");
  const figure = makeFilterFigure();
  const { boxes, kernel, patch, titles } = figure;
  const weights = makeWeights(model, kernel, {
    trait: "weight",
    rows: (weight) => weight,
    numbers: { pattern: /^[+-]?(\d+\.?\d{0,4}|\.\d{1,4})$/, largest: model.get("largest_weight"), kind: "a number of at most four decimals" },
    leave: () => pointing.hover(null),
  });
  const toolbar = make("div", "cs-toolbar", player.root, weights.choice, hint, weights.message);
  const unread = make("span", "cs-unread");
  const pointed = make("span");
  const note = make("div", "cs-note", unread, pointed);
  const sum = makeSum();
  const range = make("span", "cs-range");
  const scale = make("div", "cs-scale", "output −255 and less", make("span", "cs-ramp"), "255 and more", range);
  const refusal = makeRefusal();
  const below = make("div", "cs-below", note, sum.root, ...refusal.parts);
  const speaker = makeSpeaker();
  const root = make("div", "cs-explorer", formulas.root, code.root, toolbar, figure.root, scale, below, speaker.root);
  el.append(root);

  let pixelSize = 1;
  let painted = null;
  const space = watchWidth(root, draw);
  const pointing = walker.watch(root, figure.root, draw);
  for (const picture of [figure.input, figure.output]) watchPixels(picture, () => pixelSize, pointing);

  function draw() {
    const values = sliders.values();
    const { stride, padding } = values;
    const pixels = model.get("pixels");
    const weight = model.get("weight");
    const kernel_size = weight.length;
    const [height, width] = [pixels.length, pixels[0].length];
    const now = present();
    const { vertical, horizontal, pixel } = now;
    const { rows, columns } = now.size;
    const inside = (row, column) =>
      row >= padding && row < padding + height && column >= padding && column < padding + width;

    // What is pointed at, pulled back into the picture when a slider has made it smaller.
    const most = { input: [vertical.padded, horizontal.padded], kernel: [kernel_size, kernel_size] }[pointing.at().grid];
    let at = pointing.at();
    if (!most || at.row >= most[0] || at.column >= most[1])
      at = { grid: "output", row: Math.min(at.row, rows - 1), column: Math.min(at.column, columns - 1) };
    const window = rows > 0 && at.grid === "output";

    // Sizes on the page: one scale for both pictures, the same at each padding, so that a smaller output looks smaller.
    const page = space.width();
    const panels = page >= 900 ? 3 : page >= 520 ? 2 : 1;
    const longest = Math.max(...weight.flat().map((number) => written(number).length));
    const cell = Math.max(36, widthOf(longest + 1));
    const room = [page - 4, (page - 4 - FILTER_GAP) / 2, (page - 4 - Math.max(180, cell * kernel_size) - 2 * FILTER_GAP) / 2];
    const most_rows = height + 2 * sliders.highest.padding;
    const most_columns = width + 2 * sliders.highest.padding;
    pixelSize = Math.max(1, Math.min(COARSEST, Math.floor(TALLEST / most_rows), Math.floor(room[panels - 1] / most_columns)));
    setClass(root, `cs-explorer cs-filter${panels === 3 ? "" : " cs-narrow"}`);
    setClass(figure.root, `cs-figure cs-columns-${panels}`);

    if (painted !== now.key) {
      painted = now.key;
      paint(figure.input, vertical.padded, horizontal.padded, (row, column) => {
        const grey = inside(row, column) ? pixel(row, column) : PADDING;
        const used = !rows || (vertical.read.has(row) && horizontal.read.has(column));
        return packed(grey, grey, grey, used ? 255 : 115);
      });
      if (rows) paint(figure.output, rows, columns, (row, column) => outputColour(now.value(row, column)));
    }
    const frame = (picture, rows, columns) => {
      setStyle(picture.root, "--height", `${rows * pixelSize}px`);
      setStyle(picture.root, "--width", `${columns * pixelSize}px`);
    };
    frame(figure.input, vertical.padded, horizontal.padded);
    frame(figure.output, rows, columns);
    show(figure.output.root, rows > 0);
    show(figure.nothing, !rows);
    player.enable(rows > 0);

    // Over the input: the picture's border, what is never read, the window or what takes part.
    const overInput = (box, part) => lay(box, pixelSize, part);
    const [droppedRows, droppedColumns] = rows ? [vertical.dropped, horizontal.dropped] : [0, 0];
    overInput(boxes.border, { top: padding, left: padding, rows: height, columns: width });
    overInput(boxes.bottom, {
      top: vertical.padded - droppedRows,
      left: 0,
      rows: droppedRows,
      columns: horizontal.padded,
    });
    overInput(boxes.right, {
      top: 0,
      left: horizontal.padded - droppedColumns,
      rows: vertical.padded - droppedRows,
      columns: droppedColumns,
    });
    const part = { top: at.row, left: at.column, rows: 1, columns: 1 };
    const multiplied = { ...part, rows: (rows - 1) * stride + 1, columns: (columns - 1) * stride + 1 };
    const covered = { top: at.row * stride, left: at.column * stride, rows: kernel_size, columns: kernel_size };
    const tooBig = { top: 0, left: 0, rows: kernel_size, columns: kernel_size };
    overInput(boxes.window, rows ? { input: part, kernel: multiplied, output: covered }[at.grid] : tooBig);
    setClass(boxes.window, `cs-mark${!rows ? " cs-too-big" : at.grid === "kernel" && stride > 1 ? " cs-loose" : ""}`);

    // Over the output: the pixel pointed at, or all that read it.
    const [down, across] = [
      readersOf(at.row, { stride, out: rows }, kernel_size),
      readersOf(at.column, { stride, out: columns }, kernel_size),
    ];
    const readers = { top: down.first, left: across.first, rows: down.count, columns: across.count };
    const none = { top: 0, left: 0, rows: 0, columns: 0 };
    lay(boxes.lit, pixelSize, !rows ? none : { input: readers, kernel: none, output: part }[at.grid]);

    const largest = Math.max(...weight.flat().map(Math.abs));
    kernel.draw(kernel_size, kernel_size, cell, (element, row, column) => {
      writeWeight(element, weight[row][column]);
      const lit = at.grid === "kernel" && at.row === row && at.column === column;
      return tint(weight[row][column], largest) + (lit ? " cs-lit" : "");
    });
    setStyle(figure.window, "visibility", window ? "visible" : "hidden"); // its place is kept
    if (window)
      patch.draw(kernel_size, kernel_size, cell, (element, row, column) => {
        const [down, right] = [at.row * stride + row, at.column * stride + column];
        setText(element, written(pixel(down, right)));
        setNote(element, `×${written(weight[row][column])}`);
        return `${inside(down, right) ? tint(pixel(down, right), 255) : "cs-pad"} cs-noted`;
      });
    const overhang = rows ? 0 : Math.max(0, kernel_size - vertical.padded) * pixelSize;
    setStyle(figure.input.root, "margin-bottom", `${overhang}px`);

    const padded = padding ? `, padded ${vertical.padded} × ${horizontal.padded}` : "";
    setText(titles.input, `input ${height} × ${width}${padded}`);
    setText(titles.kernel, `kernel ${kernel_size} × ${kernel_size}`);
    setText(titles.output, rows ? `output ${rows} × ${columns}` : "no output");
    setClass(titles.output, rows ? "cs-title" : "cs-title cs-wrong");
    formulas.write([height, width], { ...values, kernel_size }, [vertical, horizontal]);
    code.write(
      `nn.Conv2d(1, 1, kernel_size=${kernel_size}, stride=${stride}, padding=${padding}, bias=False)`,
      `  # (1, ${height}, ${width}) → ${rows ? `(1, ${rows}, ${columns})` : "RuntimeError"}`,
    );
    show(scale, rows > 0);
    setText(range, `here from ${written(now.smallest)} to ${written(now.largest)}`);

    // Below the pictures: the sum, or why there is none.
    const reasons = rows ? null : explainFilter(height, width, kernel_size, padding, sliders.highest);
    refusal.write(reasons);
    const lost = rows ? neverReadSides(values, vertical, horizontal) : "";
    setText(unread, lost && `${lost} `);
    const count = readers.rows * readers.columns;
    const value = inside(at.row, at.column) ? `input[${at.row - padding}, ${at.column - padding}]` : "A pixel of padding";
    const uses = {
      output: "",
      input: `${value} = ${pixel(at.row, at.column)} is ${count ? `read by ${plural(count, "output")}` : "never read"}.`,
      kernel: `weight[${at.row}, ${at.column}] multiplies ${plural(rows * columns, "pixel")}, one for each output.`,
    };
    setText(pointed, rows ? uses[at.grid] : "");
    keepHeight(note, 21 * Math.ceil(((lost.length + LONGEST_NOTE) * 7.5) / page), page);
    show(sum.root, rows > 0);
    setStyle(sum.root, "visibility", window ? "visible" : "hidden");
    if (window) {
      const factors = windowTerms(pixel, weight, at, values);
      const term = 7 + Math.max(...weight.flat().map((number) => factor(number).length)); // `255·(−1) + `
      const lines = Math.ceil((factors.length + 3) / Math.max(1, Math.floor(page / (8.5 * term))));
      keepHeight(sum.root, 23 * lines, page); // room for pixels of three digits, wherever the window goes
      sum.write(`output[${at.row}, ${at.column}]`, factors, now.value(at.row, at.column), page);
    }
    weights.showPreset();

    if (player.playing()) return; // a screen reader would be given sentence after sentence
    const setting = `Input ${height} by ${width}, kernel ${kernel_size}, stride ${stride}, padding ${padding}`;
    const here = window ? `Output row ${at.row}, column ${at.column} is ${now.value(at.row, at.column)}.` : "";
    speaker.say(
      reasons
        ? `${setting}: no output. ${refusal.spoken()}`
        : `${setting}: output ${rows} by ${columns}, ${range.textContent}. ${lost} ${pointed.textContent} ${here}`
            .replace(/ +/g, " ")
            .trim(),
    );
  }

  const traits = watchTraits(model, ["pixels", "weight"], draw);
  sliders.watch(draw);
  const { rows, columns } = present().size; // the first window lies in the picture, not in its corner
  pointing.pin({ grid: "output", row: Math.floor(rows / 2), column: Math.floor(columns / 2) });
  return ending(sliders, traits, space, player, speaker);
}

export default { render };
