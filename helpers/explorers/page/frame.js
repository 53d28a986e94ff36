// What stands around every picture: its parts in their order, a line of code, notes, speech, width, and the end.

import { letGo, make, setClass, setText } from "./elements.js";
import { LANGUAGE } from "./from_python.js";
import { makeRefusal } from "./refusals.js";

/**
 * Put an explorer's parts into `el`, in their order on the page, the picture first: the figure and what is `beneath`
 * it, `notes`, which give way to a refusal, `tools`, `formulas`, the line of code. Returns what every explorer has. A
 * refusal marks those of the `sliders` that mend it.
 */
export function makeFrame(el, { sliders, formulas, tools, figure, beneath = [], notes }) {
  const [code, refusal, speaker] = [makeCode(), makeRefusal(sliders), makeSpeaker()];
  const toolbar = make("div", "cs-toolbar", ...tools);
  const below = make("div", "cs-below", ...notes, ...refusal.parts);
  const root = make("div", "cs-explorer", figure, ...beneath, below, toolbar, ...formulas, code.root, speaker.root);
  root.lang = LANGUAGE;
  el.append(root);
  return { root, below, code, refusal, speaker };
}

/** A line below the picture: what is never read, and what the pointed-at cell does. */
export function makeNote() {
  const [unread, pointed] = [make("span", "cs-unread"), make("span")];
  return {
    root: make("div", "cs-note", unread, pointed),
    write: (lost, told) => (setText(unread, lost && `${lost} `), setText(pointed, told)),
  };
}

/** A remark, in whose place stands what the keys do while the picture has the keyboard. */
export function makeRemark() {
  const remark = make("span", "cs-hint");
  const keys = make("span", "cs-hint cs-keys", "← ↑ ↓ → move · Space plays · Esc goes back");
  return { root: make("span", "cs-one-place", remark, keys), write: (text) => setText(remark, text) };
}

/** The title of the result: its text, or that there is none. */
export function writeResult(title, text) {
  setText(title, text || "no output");
  setClass(title, text ? "cs-title cs-output-ink" : "cs-title cs-wrong");
}

/** A line of code with a button that copies it; where the page may not write the clipboard, it selects the line. */
export function makeCode() {
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

/** A sentence for screen readers, spoken once the picture has been still for a moment. */
export function makeSpeaker() {
  const root = make("div", "cs-spoken");
  root.setAttribute("aria-live", "polite");
  let timer = null;
  return {
    root,
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => setText(root, text.replace(/ +/g, " ").trim()), 400);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Call `redraw` when the element gets another width; `width()` is the last one, or a guess before the first. */
export function watchWidth(element, redraw) {
  // A line without height is watched, not the element itself: redrawing changes the element's height while it is told.
  const line = make("div");
  element.prepend(line);
  let width = 1000;
  const become = (wide) => {
    const now = Math.floor(wide);
    if (now && now !== width) {
      width = now;
      letGo();
      redraw();
    }
  };
  const observer = new ResizeObserver(([entry]) => become(entry.contentRect.width));
  const print = () => become(line.clientWidth); // a page may have made it as wide as paper: no frame comes before that
  observer.observe(line);
  addEventListener("beforeprint", print);
  const stop = () => (observer.disconnect(), removeEventListener("beforeprint", print));
  return { width: () => width, stop };
}

/** A function that paints what it was called with last, once, before the page's next frame is seen. */
export function beforeTheFrame(paint) {
  let newest = null;
  return (...now) => {
    const isComing = newest !== null;
    newest = now;
    if (isComing) return;
    requestAnimationFrame(() => {
      const last = newest;
      newest = null;
      paint(...last);
    });
  };
}

/** Call `redraw` when one of the view's own traits changes, until `stop()`. */
export function watchTraits(model, names, redraw) {
  for (const name of names) model.on(`change:${name}`, redraw);
  return { stop: () => names.forEach((name) => model.off(`change:${name}`, redraw)) };
}

/** What ends a view that is taken off the page: all that was started stops. */
export const ending = (...started) => () => started.forEach((part) => part.stop());
