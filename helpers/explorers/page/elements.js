// What everything drawn is made of: elements that are filled in place, and numbers as the pictures write them.

/** A new element: `make("p", "cs-note", "text", child, …)`. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** A new SVG element with these attributes. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Write an element's text, class or style only where it differs from what was drawn last: reading the page is slow. */
export function setText(element, text) {
  if (element.drawnText === text) return;
  if (element.drawnText) element.firstChild.data = text; // in place: a new text node costs more
  else element.textContent = text;
  element.drawnText = text;
}

export function setClass(element, name) {
  if (element.drawnClass !== name) element.className = element.drawnClass = name;
}

export function setStyle(element, name, value) {
  const drawn = (element.drawnStyle ??= {});
  if (drawn[name] !== value) element.style.setProperty(name, (drawn[name] = value));
}

export function setNote(element, note) {
  if (element.drawnNote !== note) element.dataset.note = element.drawnNote = note;
}

export function setAttribute(element, name, value) {
  const drawn = (element.drawnAttributes ??= {});
  if (drawn[name] !== value) element.setAttribute(name, (drawn[name] = value));
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

let setting = 0; // counts what was shown before
let ease = null; // how what was kept high becomes lower

/** From now on another setting is shown, for which no element is kept high; `motion` is an animation's timing, if any. */
export function letGo(motion = null) {
  setting++;
  ease = motion;
}

/** The largest number that this owner has needed while one setting is shown, whatever is pointed at. */
function keepMost(owner, needed) {
  if (owner.keptFor !== setting) owner.most = 0;
  owner.keptFor = setting;
  return (owner.most = Math.max(owner.most, needed));
}

/** Let an element grow but not shrink while one setting is shown: what is below does not jump. */
export function keepHeight(element, needed) {
  const before = element.most;
  const most = keepMost(element, needed);
  setStyle(element, "min-height", `${most}px`);
  if (ease && before > most) element.animate({ minHeight: [`${before}px`, `${most}px`] }, ease);
}

/** How many lines a text takes on a page of this width, in letters of so many pixels: a line ends at a space. */
export function lineCount(text, width, letter) {
  const most = Math.floor(width / letter);
  let [lines, taken] = [1, 0];
  for (const { length } of text.split(" ")) {
    if (taken && taken + 1 + length > most) [lines, taken] = [lines + 1, 0];
    taken += length + (taken ? 1 : 0);
  }
  return lines;
}

export const upTo = (count) => Array.from({ length: count }, (_, index) => index);
/** The whole number nearest to a value that is not above it, from `low` to `high`. */
export const within = (low, high, value) => Math.max(low, Math.min(high, Math.floor(value)));

/** A number as the pictures write it: with a true minus sign. */
export const written = (number) => String(number).replace("-", "−");

/** The same as a factor: a negative one in brackets. */
export const factor = (number) => (number < 0 ? `(${written(number)})` : written(number));

/** `1 cell`, `2 cells`: both words are given, as another language makes its own. */
export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
/** How strong a cell's tint is, 0 to 10, as a class; a negative value has a colour of its own. */
export const tint = (value, largest) =>
  `cs-tint-${largest ? Math.round((10 * Math.abs(value)) / largest) : 0}${value < 0 ? " cs-negative" : ""}`;

/** The planes of a picture in colour, in words. */
export const COLOUR_NAMES = ["red", "green", "blue"];
