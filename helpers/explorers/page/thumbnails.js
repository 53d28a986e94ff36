// Preset kernels as buttons with a picture of their own: what each makes of the picture shown.

import { make, setAttribute } from "./elements.js";
import { watchTraits } from "./frame.js";
import { filtered, makePicture, paintOutput, sizePicture } from "./pixels.js";

const SIDE = 36; // pixels of the page

/** The presets of `weights`, as `makeWeights` returns them; `show()` marks the present one. */
export function makeThumbnails(model, weights) {
  const presets = Object.entries(model.get("presets")).map(([name, weight]) => {
    const picture = makePicture("preset");
    const button = make("button", "cs-button cs-thumbnail", make("span", "", picture.root), name);
    button.onclick = () => weights.choose(name);
    return { name, weight, picture, button };
  });
  const root = make("div", "cs-thumbnails", ...presets.map(({ button }) => button));
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Preset weights");

  function paintAll() {
    const pixels = model.get("pixels");
    const scale = SIDE / Math.max(pixels.length, pixels[0].length);
    for (const { weight, picture } of presets) {
      paintOutput(picture, filtered(pixels, weight, { stride: 1, padding: Math.floor(weight.length / 2) }));
      sizePicture(picture, pixels.length, pixels[0].length, scale);
    }
  }
  paintAll();
  return {
    root,
    show() {
      const chosen = weights.chosen();
      for (const { name, button } of presets) setAttribute(button, "aria-pressed", name === chosen);
    },
    stop: watchTraits(model, ["pixels"], paintAll).stop,
  };
}
