// A picture of the learner's own in the place of the one drawn: chosen, dropped, or taken by the camera. The browser
// reads it and makes it small and grey.

import { isCameraOffered, makeCamera } from "./camera.js";
import { make, setText, show, upTo } from "./elements.js";
import { watchTraits } from "./frame.js";

const MOST_MEGABYTES = 50; // of a file
const FINE = 16; // pixels a side that are averaged into one, at most: what is larger the browser scales down before

/** The middle square of an image or a video, as rows of grey numbers 0 to 255, `most` pixels a side at most. */
function greySquare(source, sizes, most) {
  const shorter = Math.min(...sizes);
  const side = Math.min(most, shorter);
  const each = Math.min(FINE, Math.floor(shorter / side));
  const size = side * each;
  const canvas = Object.assign(make("canvas"), { width: size, height: size });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { fillStyle: "white", imageSmoothingQuality: "high" }); // what is transparent lies on white
  context.fillRect(0, 0, size, size);
  const [left, top] = sizes.map((length) => Math.floor((length - shorter) / 2));
  context.drawImage(source, left, top, shorter, shorter, 0, 0, size, size);
  const { data } = context.getImageData(0, 0, size, size);
  const sums = new Int32Array(side * side);
  for (let row = 0, place = 0; row < size; row++)
    for (let column = 0; column < size; column++, place += 4)
      sums[Math.floor(row / each) * side + Math.floor(column / each)] += data[place] + data[place + 1] + data[place + 2];
  const grey = (sum) => Math.round(sum / (3 * each * each)); // the mean of red, green and blue
  return upTo(side).map((row) => Array.from(sums.subarray(row * side, (row + 1) * side), grey));
}

/** The [width, height] of the picture in a file, before all of it is decoded; zeros where the browser can see none. */
async function sizesOf(file) {
  const image = make("img");
  const isOpen = new Promise((tell) => (image.onload = image.onerror = tell));
  image.src = URL.createObjectURL(file);
  await isOpen;
  URL.revokeObjectURL(image.src);
  return [image.naturalWidth, image.naturalHeight];
}

/** A file as { pixels }, as `greySquare` gives them; or { refusal }, the sentence that says why it is not one. */
async function pixelsOf(file, mostPixels, side) {
  const name = `“${file.name}”`;
  if (file.type && !file.type.startsWith("image/")) return { refusal: `${name} is not a picture. Choose a PNG or JPEG file.` };
  const megabytes = Math.ceil(file.size / 1e6);
  if (megabytes > MOST_MEGABYTES) return { refusal: `${name} is too large: ${megabytes} MB. The most is ${MOST_MEGABYTES} MB.` };
  const sizes = await sizesOf(file);
  if (sizes[0] * sizes[1] > mostPixels)
    return { refusal: `${name} is too large: ${sizes.join(" × ")} pixels. The most is ${mostPixels / 1e6} million.` };
  try {
    const bitmap = await createImageBitmap(file); // unlike an img, it does not take a picture that breaks off
    return { pixels: greySquare(bitmap, [bitmap.width, bitmap.height], side) };
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
  return { refusal: `This browser cannot read ${name} as a picture. Save it as PNG or JPEG.` };
}

/**
 * Buttons for a picture of one's own in the place of the model's `pixels`, and back; a file can also be dropped on
 * `target`. `picture` is the element where it will be seen; `taken()` is called when there is another.
 */
export function makePhotograph(model, target, picture, taken) {
  const message = make("div", "cs-message");
  message.setAttribute("role", "alert");
  message.onclick = () => tell("");
  picture.append(message); // over it: nothing moves
  const tell = (sentence) => setText(message, sentence);
  let [former, isOurs, turn] = [null, false, 0];

  function put(pixels) {
    camera?.stop();
    tell("");
    former ??= model.get("pixels");
    isOurs = true;
    model.set("pixels", pixels);
    isOurs = false;
    model.save_changes();
    show(back, true);
    taken();
  }
  async function read(file) {
    const own = ++turn;
    const { pixels, refusal } = await pixelsOf(file, model.get("most_pixels"), model.get("largest_side"));
    if (own !== turn) return; // another was chosen meanwhile, or the view has gone
    if (pixels) put(pixels);
    else tell(refusal);
  }

  const file = Object.assign(make("input"), { type: "file", accept: "image/*", hidden: true });
  file.onchange = () => {
    if (file.files.length) read(file.files[0]);
    file.value = ""; // so that the same one can be chosen again
  };
  const choose = make("button", "cs-button", "Own picture …");
  choose.title = "Or drop one here. The browser makes it square, small and grey; only those pixels go on, to the notebook's kernel if there is one.";
  choose.onclick = () => (tell(""), file.click());
  const back = make("button", "cs-button", "Back");
  back.title = "The picture from before";
  back.hidden = true;
  const forget = () => {
    former = null;
    show(back, false);
  };
  back.onclick = () => {
    put(former);
    choose.focus();
    forget();
  };
  const take = (video, sizes) => put(greySquare(video, sizes, model.get("largest_side")));
  const camera = isCameraOffered() ? makeCamera(picture, take, tell) : null;
  watchDrop(target, picture, (dropped) => (dropped ? read(dropped) : tell("What was dropped is no file. Choose a PNG or JPEG file.")));

  const traits = watchTraits(model, ["pixels"], () => isOurs || forget());
  return {
    root: make("div", "cs-photograph", choose, ...(camera?.buttons ?? []), back, file),
    stop() {
      turn++;
      camera?.stop();
      traits.stop();
    },
  };
}

/** Call `drop(file)` when one is dropped on `target`; undefined, if it is something else. `picture` says that it can be. */
function watchDrop(target, picture, drop) {
  const mark = (isOver) => picture.classList.toggle("cs-over", isOver);
  target.addEventListener("dragover", (event) => {
    event.preventDefault(); // else the browser would leave the page for the file
    mark(true);
  });
  target.addEventListener("dragleave", ({ relatedTarget }) => target.contains(relatedTarget) || mark(false));
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    mark(false);
    drop(event.dataTransfer.files[0]);
  });
}
