// What the explorers share in the browser: watching sliders, cells drawn in place, playing, copying, speaking.
// The explorer's own file is joined behind this one, and SENTENCES of helpers/sentences.py in front.

/** The sliders' models: `values()` reads them all, `watch(redraw)` calls it when one moves, until `stop()`. */
async function findSliders(model) {
  const find = async ([name, reference]) => [
    name,
    await model.widget_manager.get_model(reference.slice("IPY_MODEL_".length)),
  ];
  const sliders = await Promise.all(Object.entries(model.get("sliders")).map(find));
  const each = (read) => Object.fromEntries(sliders.map(([name, slider]) => [name, read(slider)]));
  // A choice among texts keeps the place of the chosen one; numbers and switches keep their value.
  const valueOf = (slider) => slider.get("_options_labels")?.[slider.get("index")] ?? slider.get("value");
  let stop = () => {};
  nameSliders(sliders.map(([, slider]) => slider));
  return {
    values: () => each(valueOf),
    highest: each((slider) => slider.get("max")),
    watch(redraw) {
      const events = ["change:value", "change:index"];
      for (const [, slider] of sliders) for (const event of events) slider.on(event, redraw);
      stop = () => sliders.forEach(([, slider]) => events.forEach((event) => slider.off(event, redraw)));
    },
    stop: () => stop(),
  };
}

/**
 * Say to a screen reader what each slider is: ipywidgets gives its handle no name, where it slides among texts only
 * their places, and in version 7 no role and no value at all. The sliders' views may come after the picture, so their
 * models are asked again, for a hundred frames.
 */
function nameSliders(models, frames = 100) {
  const waiting = models.filter((model) => {
    const views = Object.values(model.views ?? {});
    views.forEach((view) => view.then(({ el }) => nameSlider(el, model)));
    return !views.length;
  });
  if (waiting.length && frames) requestAnimationFrame(() => nameSliders(waiting, frames - 1));
}
function nameSlider(el, model) {
  const handle = el.querySelector("[role=slider], .ui-slider-handle");
  if (!handle) return; // a list or a switch, which has its name
  handle.setAttribute("role", "slider");
  handle.setAttribute("aria-label", model.get("description"));
  const tell = () => {
    const labels = model.get("_options_labels");
    const [least, most, now] = labels ? [0, labels.length - 1, model.get("index")] : ["min", "max", "value"].map((name) => model.get(name));
    const value = { valuemin: least, valuemax: most, valuenow: now, valuetext: labels?.[now] ?? now };
    for (const [name, each] of Object.entries(value)) handle.setAttribute(`aria-${name}`, each);
  };
  model.on("change", tell);
  tell();
}

/** A new element: `make("p", "cs-note", "text", child, …)`. */
function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** Write an element's text, class or style only where it differs from what was drawn last: reading the page is slow. */
function setText(element, text) {
  if (element.drawnText === text) return;
  if (element.drawnText) element.firstChild.data = text; // in place: a new text node costs more
  else element.textContent = text;
  element.drawnText = text;
}
function setClass(element, name) {
  if (element.drawnClass !== name) element.className = element.drawnClass = name;
}
function setStyle(element, name, value) {
  const drawn = (element.drawnStyle ??= {});
  if (drawn[name] !== value) element.style.setProperty(name, (drawn[name] = value));
}
function setNote(element, note) {
  if (element.drawnNote !== note) element.dataset.note = element.drawnNote = note;
}
function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Let an element grow but not shrink while the page has one width, so that what is below does not jump. */
function keepHeight(element, needed, width) {
  if (element.keptFor !== width) element.tallest = 0;
  element.keptFor = width;
  element.tallest = Math.max(element.tallest, needed);
  setStyle(element, "min-height", `${element.tallest}px`);
}

/** A number as the pictures write it: with a true minus sign. */
const written = (number) => String(number).replace("-", "−");
/** The same as a factor: a negative one in brackets. */
const factor = (number) => (number < 0 ? `(${written(number)})` : written(number));
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
/** How strong a cell's tint is, 0 to 10, as a class; a negative value has a colour of its own. */
const tint = (value, largest) =>
  `cs-tint-${largest ? Math.round((10 * Math.abs(value)) / largest) : 0}${value < 0 ? " cs-negative" : ""}`;

/**
 * A grid of cells that is drawn in place. `root` is its element; rows and cells are made when first shown by
 * `makeCell(row, column)` and keep their place, so that drawing writes only what changed. No cell has a style of its
 * own: cells of one class then share one, which makes the browser several times faster. `kind` gives the colour
 * ("input", "kernel", "output"); `name` tells grids of one kind apart, and is what pointing calls this one.
 */
function makeGrid(kind, { name = kind, makeCell = () => make("div") } = {}) {
  const root = make("div", `cs-grid cs-${kind}`);
  const lines = [];
  let start = 0;
  const addCell = (line, row) => {
    const element = makeCell(row, line.cells.length);
    element.dataset.grid = name;
    line.cells.push(element);
    line.root.append(element);
  };
  const setPlace = (element, row, column) => {
    if (element.drawnRow !== row) element.dataset.row = element.drawnRow = row;
    if (element.drawnColumn !== column) element.dataset.column = element.drawnColumn = column;
  };
  return {
    root,
    /** Leave so many rows and columns out in front: a picture that grows there, too, then keeps its other cells. */
    startAt: (place) => (start = place),
    /** `write(element, row, column)` fills a cell and returns its classes, or null to leave the place empty. */
    draw(rows, columns, cellSize, write) {
      setStyle(root, "--cell", `${cellSize}px`);
      setClass(root, `cs-grid cs-${kind}${cellSize < ROOMY ? " cs-dense" : ""}`);
      while (lines.length < start + rows) {
        lines.push({ root: make("div", "cs-row"), cells: [] });
        root.append(lines.at(-1).root);
      }
      const within = (index, count) => index >= 0 && index < count;
      lines.forEach((line, place) => {
        const row = place - start;
        show(line.root, within(row, rows));
        if (!within(row, rows)) return;
        while (line.cells.length < start + columns) addCell(line, row);
        line.cells.forEach((element, place) => {
          const column = place - start;
          const name = within(column, columns) ? write(element, row, column) : null;
          show(element, name !== null);
          if (name === null) return;
          setClass(element, `cs-cell ${name}`);
          setPlace(element, row, column);
        });
      });
    },
  };
}
const ROOMY = 30; // pixels: cells from this size on have room for a second number, and for round corners

/** The cell that holds this many characters at 12 px, and the spacing that makes them fit a narrower one. */
const widthOf = (characters) => Math.ceil(characters * 7.4) + 5;
function squeeze(grid, cellSize, characters) {
  const over = Math.max(0, widthOf(characters) - cellSize);
  setStyle(grid.root, "--spacing", `${(-over / characters).toFixed(2)}px`);
}

/** The cell a pointer or focus event is about, as {grid, row, column}, or null. */
function cellOf(event) {
  const data = event.target.closest?.("[data-grid]")?.dataset;
  return data ? { grid: data.grid, row: Number(data.row), column: Number(data.column) } : null;
}

/**
 * What the learner points at in a figure of grids: hovering shows a cell, a click or a key pins one, leaving goes back
 * to the pinned cell. `keys` names what each key does, anywhere in `root` but where something is typed or chosen.
 */
function watchPointing(root, figure, first, keys, redraw) {
  let pinned = first;
  let hovered = null;
  const pin = (cell) => {
    pinned = cell;
    hovered = null;
    redraw();
  };
  const hover = (cell) => {
    if (cell === hovered) return;
    hovered = cell;
    redraw();
  };
  figure.tabIndex = 0;
  figure.setAttribute("role", "application"); // so that screen readers hand the arrow keys on
  figure.onpointerover = (event) => event.pointerType !== "touch" && hover(cellOf(event) ?? hovered);
  figure.onpointerleave = () => hover(null);
  figure.onclick = (event) => event.target.tagName !== "INPUT" && cellOf(event) && pin(cellOf(event));
  figure.onfocusin = (event) => hover(cellOf(event)); // a cell to type in is shown while one does
  figure.onfocusout = () => hover(null);
  root.onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return; // JupyterLab's and the browser's own
    if (["INPUT", "SELECT"].includes(event.target.tagName)) event.stopPropagation(); // JupyterLab would move on
    else if (event.key in keys && !(event.key === " " && event.target.tagName === "BUTTON")) {
      keys[event.key]();
      event.preventDefault();
      event.stopPropagation(); // JupyterLab would take the arrow keys for itself
    }
  };
  return { at: () => hovered ?? pinned, pinned: () => pinned, pin, hover };
}

/** Buttons to step and play; `step(+1 or -1)` moves the picture. `toggle()` is also the Space key's. */
function makePlayer(step) {
  const play = make("button", "cs-button cs-play");
  let timer = null;
  const set = (playing) => {
    clearInterval(timer);
    timer = playing ? setInterval(() => step(1), 600) : null;
    play.textContent = playing ? "❚❚ Pause" : "▶ Play";
  };
  const button = (text, label, delta) => {
    const element = make("button", "cs-button", text);
    element.setAttribute("aria-label", label);
    element.onclick = () => (set(false), step(delta));
    return element;
  };
  play.onclick = () => set(!timer);
  set(false);
  const root = make("span", "cs-player", button("◀", "Step back", -1), play, button("▶|", "Step forward", 1));
  return {
    root,
    toggle: () => !play.disabled && set(!timer),
    playing: () => Boolean(timer),
    stop: () => set(false),
    /** Without an output there is nothing to play. */
    enable(able) {
      if (play.disabled !== able) return;
      if (!able) set(false);
      for (const element of root.children) element.disabled = !able;
    },
  };
}

/** A line of code with a button that copies it; where the page may not write the clipboard, it selects the line. */
function makeCode() {
  const call = make("span");
  const comment = make("span", "cs-comment");
  const code = make("code", "", call, comment);
  const button = make("button", "cs-button", "Copy");
  button.setAttribute("aria-label", "Copy the code");
  const tell = (text) => {
    button.textContent = text;
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      tell("Copied");
    } catch {
      getSelection().selectAllChildren(code);
      tell("Selected");
    }
  };
  const write = (text, remark) => (setText(call, text), setText(comment, remark));
  return { root: make("div", "cs-code", code, button), write };
}

/** A sentence with its values put in. One that is missing is a mistake here, which must not reach the page as a gap. */
function fill(sentence, values) {
  return sentence.replace(/{(\w+)}/g, (_, name) => {
    if (values[name] == null) throw new Error(`No ${name} was given for "${sentence}"`);
    return values[name];
  });
}

/** Why a window has no place, in the words of helpers/arithmetic.py; `extra` cells are added by rounding up. */
function kernelTooBig({ size, kernel_size, padding, dilation = 1 }, extra = 0) {
  const span = dilation * (kernel_size - 1) + 1;
  return fill(SENTENCES["kernel-too-big"], {
    size,
    kernel_size,
    padding,
    padded: size + 2 * padding,
    spread: dilation > 1 ? fill(SENTENCES.spread, { dilation, kernel_size, span }) : "",
    rounded_up: extra ? fill(SENTENCES.rounded_up, { extra }) : "",
  });
}

/**
 * Why a setting is impossible, below the picture: `write({ problem, remedy, torch })`, or `write(null)` where it is not.
 * `remedy` is the list of smallest changes that work, `torch` the error as Python would print its last line.
 */
function makeRefusal() {
  const problem = make("div", "cs-problem");
  const remedy = make("div", "cs-remedy");
  const torch = make("div", "cs-torch");
  const parts = [problem, remedy, torch];
  return {
    parts,
    write(reasons) {
      for (const element of parts) show(element, Boolean(reasons));
      if (!reasons) return;
      setText(problem, reasons.problem);
      setText(remedy, `Smallest change that works: ${reasons.remedy.join(" · or ")}`);
      setText(torch, `PyTorch says: ${reasons.torch}`);
    },
    /** The same for a screen reader. */
    spoken: () => `${problem.textContent} ${remedy.textContent}.`,
  };
}

/** A sentence for screen readers, spoken once the picture has been still for a moment. */
function makeSpeaker() {
  const root = make("div", "cs-spoken");
  root.setAttribute("aria-live", "polite");
  let timer = null;
  return {
    root,
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => setText(root, text), 400);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Call `redraw` when the element gets another width; `width()` is the last one, or a guess before the first. */
function watchWidth(element, redraw) {
  // A line without height is watched, not the element itself: redrawing changes the element's height while it is told.
  const line = make("div");
  element.prepend(line);
  let width = 1000;
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now && now !== width) {
      width = now;
      redraw();
    }
  });
  observer.observe(line);
  return { width: () => width, stop: () => observer.disconnect() };
}

/** Call `redraw` when one of the view's own traits changes, until `stop()`. */
function watchTraits(model, names, redraw) {
  for (const name of names) model.on(`change:${name}`, redraw);
  return { stop: () => names.forEach((name) => model.off(`change:${name}`, redraw)) };
}

/** What ends a view that is taken off the page: all that was started stops. */
const ending = (...started) => () => started.forEach((part) => part.stop());

